import { zerosOf } from '../rewrite/operations.js'
import { known } from '../lowering/window.js'
import { intOf } from '../proto/attribute.js'
import type { GradientContext, GradientRule } from './context.js'
import { reshapeLike } from './shape.js'

/** The number of elements of a value, as a list of one. */
function sizeOf({ emit, ints, typeOf, shapeOf }: GradientContext, x: string): string {
  const extents = known(typeOf(x).shape ?? [undefined])
  return extents
    ? ints([extents.reduce((product, extent) => product * extent, 1)])
    : emit('ReduceProd', [shapeOf(x)], { keepdims: 1 })
}

/** dX of elements that were taken from X: dY summed at their positions, which are flat indices into X. */
export function addUp(context: GradientContext, dY: string, positions: string, x: string): string {
  const { emit, ints, describe, realTypeOf } = context
  const type = { dataType: realTypeOf(x, dY), shape: [undefined] }
  const flat = (value: string): string => emit('Reshape', [value, ints([-1])])
  const inputs = [describe(flat(dY), type), sizeOf(context, x), flat(positions)]
  return reshapeLike(context, emit('com.microsoft:GatherElementsGrad', inputs, { axis: 0 }), x)
}

/** The positions of the elements of a value, in its shape. */
export function positionsIn(context: GradientContext, x: string): string {
  const { emit, int, ints } = context
  const size = emit('Squeeze', [sizeOf(context, x), ints([0])])
  return emit('Reshape', [emit('Range', [int(0), size, int(1)]), context.shapeOf(x)])
}

export const gather: Readonly<Record<string, GradientRule>> = {
  Gather({ node, emit, give, required, requiredGradient, shapeOf }) {
    const inputs = [shapeOf(required(0)), required(1), requiredGradient(0)]
    give(0, emit('com.microsoft:GatherGrad', inputs, { axis: intOf(node, 'axis', 0) }))
  },
  GatherElements({ node, emit, give, required, requiredGradient, shapeOf }) {
    const inputs = [requiredGradient(0), shapeOf(required(0)), required(1)]
    give(0, emit('com.microsoft:GatherElementsGrad', inputs, { axis: intOf(node, 'axis', 0) }))
  },
  GatherND(context) {
    const { node, emit, give, required, requiredGradient, shapeOf, opset, realTypeOf } = context
    const [dY, x, indices] = [requiredGradient(0), required(0), required(1)]
    const batches = intOf(node, 'batch_dims', 0)
    // The training build's GatherNDGrad fails without batch axes.
    if (batches === 0 && opset >= 16) {
      const zeros = zerosOf(context, shapeOf(x), realTypeOf(x, dY))
      give(0, emit('ScatterND', [zeros, indices, dY], { reduction: 'add' }))
    } else {
      const inputs = [shapeOf(x), indices, dY]
      give(0, emit('com.microsoft:GatherNDGrad', inputs, { batch_dims: batches }))
    }
  },
  /** Y is the second value where an index says so, and the first elsewhere. The indices have no gradient. */
  OneHot({ node, emit, give, ints, required, requiredGradient, reals, realTypeOf, rankOf, reduce, wants }) {
    if (!wants(2)) return
    const [dY, indices, depth, values] = [requiredGradient(0), required(0), required(1), required(2)]
    const marks = reals([0, 1], realTypeOf(values), [2])
    const hot = emit('OneHot', [indices, depth, marks], { axis: intOf(node, 'axis', -1) })
    const axes = Array.from({ length: rankOf(indices) + 1 }, (_, axis) => axis)
    const total = (gradient: string): string =>
      emit('Reshape', [reduce('ReduceSum', gradient, axes, false), ints([1])])
    const on = emit('Mul', [dY, hot])
    give(2, emit('Concat', [total(emit('Sub', [dY, on])), total(on)], { axis: 0 }))
  },
}
