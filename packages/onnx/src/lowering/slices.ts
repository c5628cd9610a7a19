import { intOf } from '../proto/attribute.js'
import type { LoweringRule } from '../rewrite/nodeContext.js'
import { zerosOf } from '../rewrite/operations.js'

/** Puts dY back where it was sliced from. The positions come from slicing an array of positions in the same way. */
const sliceGrad: LoweringRule = (context) => {
  const { emit, required, input, output, ints, int, realTypeOf } = context
  const [dY, shape] = [required(0), required(1)]
  const size = emit('ReduceProd', [shape], { keepdims: 0 })
  const positions = emit('Reshape', [emit('Range', [int(0), size, int(1)]), shape])
  const sliced = emit('Slice', [positions, required(2), required(3), input(4), input(5)])
  const zeros = zerosOf(context, emit('Reshape', [size, ints([1])]), realTypeOf(dY, output(0)))
  const flat = (x: string): string => emit('Reshape', [x, ints([-1])])
  emit(
    'Reshape',
    [emit('ScatterElements', [zeros, flat(sliced), flat(dY)], { axis: 0 }), shape],
    {},
    output(0),
  )
}

/** Concat, and the length of each input along the axis. */
const concatTraining: LoweringRule = ({ node, emit, output, ints }) => {
  const axis = intOf(node, 'axis', 0)
  emit('Concat', node.input, { axis }, output(0))
  const lengths = output(1)
  if (lengths === undefined) return
  emit(
    'Concat',
    node.input.map((x) => emit('Gather', [emit('Shape', [x]), ints([axis])])),
    { axis: 0 },
    lengths,
  )
}

const splitTraining: LoweringRule = ({ node, emitAll, required }) => {
  emitAll('Split', [required(0), required(1)], { axis: intOf(node, 'axis', 0) }, node.output)
}

export const slices = {
  SliceGrad: sliceGrad,
  ConcatTraining: concatTraining,
  SplitTraining: splitTraining,
} satisfies Record<string, LoweringRule>
