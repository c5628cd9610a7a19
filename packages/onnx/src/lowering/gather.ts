import { intOf } from '../proto/attribute.js'
import type { LoweringRule, LoweringContext } from '../rewrite/nodeContext.js'
import { zerosOf } from '../rewrite/operations.js'

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i)
}

/** The rank of a tensor whose shape is a value of the graph. */
function rankOfShape({ typeOf, constantOf, producerOf, refuse }: LoweringContext, shape: string): number {
  const constant = constantOf(shape)
  if (constant) return constant.length
  const extent = typeOf(shape).shape?.[0]
  if (typeof extent === 'number') return extent
  const producer = producerOf(shape)
  const source = producer?.opType === 'Shape' ? typeOf(producer.input[0]!).shape : undefined
  return (
    source?.length ?? refuse(`the rank of the tensor whose shape is ${JSON.stringify(shape)} is not known`)
  )
}

/** Sums dY at the rows it was gathered from: directly along axis 0; another axis is moved to the front and back. */
const gatherGrad: LoweringRule = (context) => {
  const { node, emit, required, output, ints, rankOf, realTypeOf } = context
  const [shape, indices, dY] = [required(0), required(1), required(2)]
  const type = realTypeOf(dY, output(0))
  const given = intOf(node, 'axis', 0)
  const axis = given < 0 ? given + rankOfShape(context, shape) : given
  const rows = emit('Unsqueeze', [emit('Cast', [indices], { to: 7 }), ints([-1])])
  if (axis === 0) {
    emit('ScatterND', [zerosOf(context, shape, type), rows, dY], { reduction: 'add' }, output(0))
    return
  }
  const rank = rankOfShape(context, shape)
  const indexRank = rankOf(indices)
  const forward = [axis, ...range(0, axis), ...range(axis + 1, rank)]
  const back = forward.map((_, to) => forward.indexOf(to))
  const gradientRank = rank - 1 + indexRank
  const gathered = range(axis, axis + indexRank)
  const perm = [...gathered, ...range(0, axis), ...range(axis + indexRank, gradientRank)]
  const zeros = zerosOf(context, emit('Gather', [shape, ints(forward)]), type)
  const added = emit('ScatterND', [zeros, rows, emit('Transpose', [dY], { perm })], { reduction: 'add' })
  emit('Transpose', [added], { perm: back }, output(0))
}

const gatherElementsGrad: LoweringRule = (context) => {
  const { node, emit, required, output, realTypeOf } = context
  const [dY, shape, indices] = [required(0), required(1), required(2)]
  const zeros = zerosOf(context, shape, realTypeOf(dY, output(0)))
  emit('ScatterElements', [zeros, indices, dY], { axis: intOf(node, 'axis', 0), reduction: 'add' }, output(0))
}

/** With batch dimensions, their coordinates are put before the looked-up ones. */
const gatherNDGrad: LoweringRule = (context) => {
  const { node, emit, required, output, ints, int, rankOf, realTypeOf } = context
  const [shape, given, dY] = [required(0), required(1), required(2)]
  const batches = intOf(node, 'batch_dims', 0)
  const zeros = zerosOf(context, shape, realTypeOf(dY, output(0)))
  let indices = emit('Cast', [given], { to: 7 })
  if (batches > 0) {
    const rank = rankOf(given)
    const columns = emit(
      'Concat',
      [emit('Slice', [emit('Shape', [given]), ints([0]), ints([-1])]), ints([1])],
      { axis: 0 },
    )
    const coordinates = range(0, batches).map((axis) => {
      const extent = emit('Gather', [shape, int(axis)])
      const positions = emit('Range', [int(0), extent, int(1)])
      const around = emit('Unsqueeze', [positions, ints(range(0, rank).filter((other) => other !== axis))])
      return emit('Expand', [around, columns])
    })
    indices = emit('Concat', [...coordinates, indices], { axis: -1 })
  }
  emit('ScatterND', [zeros, indices, dY], { reduction: 'add' }, output(0))
}

export const gather = {
  GatherGrad: gatherGrad,
  GatherElementsGrad: gatherElementsGrad,
  GatherNDGrad: gatherNDGrad,
} satisfies Record<string, LoweringRule>
