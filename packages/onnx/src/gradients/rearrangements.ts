import { intOf, intsOf, optionalIntOf } from '../proto/attribute.js'
import type { GradientContext, GradientRule } from './context.js'
import { addUp, positionsIn } from './gather.js'
import { reshapeLike } from './shape.js'

/** The extents of a value along some axes, as a list. */
function extentsAlong({ emit, ints, shapeOf }: GradientContext, x: string, axes: readonly number[]): string {
  return emit('Gather', [shapeOf(x), ints(axes)])
}

/** Rules of operators that move elements, or leave them out. */
export const rearrangements: Readonly<Record<string, GradientRule>> = {
  /** Reversing twice changes nothing. */
  ReverseSequence({ node, emit, give, required, requiredGradient }) {
    const attributes = { batch_axis: intOf(node, 'batch_axis', 1), time_axis: intOf(node, 'time_axis', 0) }
    give(0, emit('ReverseSequence', [requiredGradient(0), required(1)], attributes))
  },
  Compress(context) {
    const { node, emit, give, required, requiredGradient } = context
    const [x, condition] = [required(0), required(1)]
    const axis = optionalIntOf(node, 'axis')
    const kept = emit('Compress', [positionsIn(context, x), condition], { axis })
    give(0, addUp(context, requiredGradient(0), kept, x))
  },
  /** The indices are positions in the flattened result. */
  MaxUnpool({ emit, give, ints, required, requiredGradient }) {
    give(0, emit('Gather', [emit('Reshape', [requiredGradient(0), ints([-1])]), required(1)], { axis: 0 }))
  },
  /** The centre that was cut out is padded, and the padding cut off. */
  CenterCropPad(context) {
    const { node, emit, give, required, requiredGradient, rankOf } = context
    const x = required(0)
    const axes = intsOf(node, 'axes') ?? Array.from({ length: rankOf(x) }, (_, axis) => axis)
    const shape = extentsAlong(
      context,
      x,
      axes.map((axis) => (axis < 0 ? axis + rankOf(x) : axis)),
    )
    give(0, emit('CenterCropPad', [requiredGradient(0), shape], { axes }))
  },
  /** The grid is a fixed grid times theta, so dTheta is its gradient times that grid. */
  AffineGrid(context) {
    const { node, emit, give, ints, required, requiredGradient, extentsOf, realTypeOf, reals, refuse } =
      context
    const [theta, size, dY] = [required(0), required(1), requiredGradient(0)]
    const rows = extentsOf(theta)[1]
    const axes = typeof rows === 'number' ? rows : refuse('the number of axes of its grid is not known')
    const type = realTypeOf(theta)
    const identity = Array.from({ length: axes * (axes + 1) }, (_, i) => (i % (axes + 2) === 0 ? 1 : 0))
    const unit = reals(identity, type, [1, axes, axes + 1])
    // One example of the batch is enough.
    const one = emit('Concat', [ints([1]), emit('Slice', [size, ints([1]), ints([axes + 2])])], { axis: 0 })
    const grid = emit('AffineGrid', [unit, one], { align_corners: intOf(node, 'align_corners', 0) })
    const points = emit('Reshape', [grid, ints([-1, axes])])
    const ones = emit('Add', [
      emit('Mul', [emit('Slice', [points, ints([0]), ints([1]), ints([1])]), reals([0], type)]),
      reals([1], type),
    ])
    const columns = emit('Concat', [points, ones], { axis: 1 })
    const flat = emit('Reshape', [dY, ints([0, -1, axes])])
    const gradient = emit('MatMul', [emit('Transpose', [flat], { perm: [0, 2, 1] }), columns])
    give(0, reshapeLike(context, gradient, theta))
  },
}
