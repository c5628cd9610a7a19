import { zerosOf } from '../rewrite/operations.js'
import { intOf } from '../proto/attribute.js'
import type { GradientContext, GradientRule } from './context.js'
import { addUp, positionsIn } from './gather.js'

/** The extents along an axis of a node's inputs, as a list. */
function lengths({ node, emit, ints, extentsOf, shapeOf }: GradientContext, axis: number): string {
  const extents = node.input.map((name) => extentsOf(name)[axis])
  if (extents.every((extent) => typeof extent === 'number')) return ints(extents)
  const parts = node.input.map((name, i) => {
    const extent = extents[i]
    return typeof extent === 'number' ? ints([extent]) : emit('Gather', [shapeOf(name), ints([axis])])
  })
  return emit('Concat', parts, { axis: 0 })
}

export const slices: Readonly<Record<string, GradientRule>> = {
  Slice(context) {
    const { emit, give, input, required, requiredGradient, shapeOf, constantOf } = context
    const [dY, x] = [requiredGradient(0), required(0)]
    const given = [required(1), required(2), input(3), input(4)]
    const steps = input(4) === undefined ? [] : constantOf(input(4))
    if (steps?.every((step) => step > 0)) {
      give(0, emit('com.microsoft:SliceGrad', [dY, shapeOf(x), ...given]))
    } else {
      // The training build's SliceGrad fails for negative steps.
      give(0, addUp(context, dY, emit('Slice', [positionsIn(context, x), ...given]), x))
    }
  },
  Concat(context) {
    const { node, emitEach, give, requiredGradient, rankOf, wants } = context
    const dY = requiredGradient(0)
    const given = intOf(node, 'axis', 0)
    const axis = given < 0 ? given + rankOf(node.output[0]!) : given
    if (node.input.length === 1) {
      give(0, dY)
      return
    }
    const all = node.input.map(() => true)
    const parts = emitEach('Split', [dY, lengths(context, axis)], { axis }, all)
    parts.forEach((part, i) => {
      if (wants(i)) give(i, part!)
    })
  },
  Split(context) {
    const { node, emit, give, gradient, required, shapeOf, realTypeOf } = context
    const type = realTypeOf(required(0))
    const parts = node.output.map((name, i) => gradient(i) ?? zerosOf(context, shapeOf(name), type))
    give(0, emit('Concat', parts, { axis: intOf(node, 'axis', 0) }))
  },
  Trilu({ node, emit, give, input, requiredGradient }) {
    const operator = node.domain === 'com.microsoft' ? 'com.microsoft:Trilu' : 'Trilu'
    give(0, emit(operator, [requiredGradient(0), input(1)], { upper: intOf(node, 'upper', 1) }))
  },
}
