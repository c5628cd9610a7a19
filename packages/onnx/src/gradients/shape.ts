import { intOf, intsOf, stringOf } from '../proto/attribute.js'
import { zerosOf } from '../rewrite/operations.js'
import { known } from '../lowering/window.js'
import { dataType } from '../proto/dataType.js'
import { isReal, type GradientContext, type GradientRule } from './context.js'

/** Reshapes a value to the shape of another with as many elements. */
export function reshapeLike(context: GradientContext, value: string, like: string): string {
  const { emit, shapeOf, typeOf, realTypeOf } = context
  // Reshape replaces an extent of 0 by the value's own.
  if (typeOf(like).shape?.includes(0)) return zerosOf(context, shapeOf(like), realTypeOf(like, value))
  return emit('Reshape', [value, shapeOf(like)])
}

/** The shape of a value, with a given number before each axis. */
function interleaved(context: GradientContext, before: string, x: string): string {
  const { emit, ints, shapeOf, typeOf, constantOf } = context
  const [counts, extents] = [constantOf(before), known(typeOf(x).shape ?? [undefined])]
  if (counts && extents) return ints(extents.flatMap((extent, axis) => [counts[axis]!, extent]))
  const column = (list: string): string => emit('Unsqueeze', [list, ints([1])])
  const pairs = emit('Concat', [column(before), column(shapeOf(x))], { axis: 1 })
  return emit('Reshape', [pairs, ints([-1])])
}

const reshaped: GradientRule = (context) => {
  context.give(0, reshapeLike(context, context.requiredGradient(0), context.required(0)))
}

/** dX = dY in X's type, or in float if X holds numbers that stand for real ones. */
const cast: GradientRule = ({ emit, give, required, requiredGradient, typeOf, refuse }) => {
  const { dataType: type } = typeOf(required(0))
  const to = isReal(type) ? type : dataType.float
  give(0, emit('Cast', [requiredGradient(0)], { to: to ?? refuse('the type of its input is not known') }))
}

/** [N, C, H·b, W·b] back to [N, C·b², H, W], where the columns of a block come after the channels. */
function columnsLast(context: GradientContext, dY: string, x: string, block: number): string {
  const { emit, ints, shapeOf } = context
  const extent = (axis: number): string => emit('Gather', [shapeOf(x), ints([axis])])
  const [b, n] = [ints([block]), ints([0, 0])]
  const blocks = emit('Concat', [n, extent(2), b, extent(3), b], { axis: 0 })
  const apart = emit('Transpose', [emit('Reshape', [dY, blocks])], { perm: [0, 1, 3, 5, 2, 4] })
  return reshapeLike(context, apart, x)
}

export const shape: Readonly<Record<string, GradientRule>> = {
  Reshape: reshaped,
  Flatten: reshaped,
  Identity({ give, requiredGradient }) {
    give(0, requiredGradient(0))
  },
  Transpose({ node, emit, give, required, requiredGradient, rankOf }) {
    const perm = intsOf(node, 'perm')
    const rank = rankOf(required(0))
    const back = Array.from({ length: rank }, (_, axis) => (perm ? perm.indexOf(axis) : rank - 1 - axis))
    give(0, emit('Transpose', [requiredGradient(0)], { perm: back }))
  },
  Squeeze(context) {
    const { emit, give, input, requiredGradient } = context
    const axes = input(1)
    if (axes === undefined) reshaped(context)
    else give(0, emit('Unsqueeze', [requiredGradient(0), axes]))
  },
  Unsqueeze({ emit, give, required, requiredGradient }) {
    give(0, emit('Squeeze', [requiredGradient(0), required(1)]))
  },
  Expand({ node, give, required, requiredGradient, reduceTo }) {
    give(0, reduceTo(requiredGradient(0), required(0), node.output[0]!))
  },
  /** Y [r₀·n₀, r₁·n₁, …] is [r₀, n₀, r₁, n₁, …]: dX is its sum over the repetitions. */
  Tile(context) {
    const { node, emit, give, required, requiredGradient, rankOf, reduce } = context
    const { typeOf, realTypeOf, shapeOf } = context
    const [dY, x, repeats] = [requiredGradient(0), required(0), required(1)]
    if (typeOf(node.output[0]!).shape?.includes(0)) {
      give(0, zerosOf(context, shapeOf(x), realTypeOf(x)))
      return
    }
    const apart = emit('Reshape', [dY, interleaved(context, repeats, x)])
    const axes = Array.from({ length: rankOf(x) }, (_, axis) => 2 * axis)
    give(0, reduce('ReduceSum', apart, axes, false))
  },
  DepthToSpace(context) {
    const { node, emit, give, required, requiredGradient } = context
    const dY = requiredGradient(0)
    const block = intOf(node, 'blocksize', 1)
    const isDepthFirst = stringOf(node, 'mode', 'DCR') === 'DCR'
    give(
      0,
      isDepthFirst
        ? emit('SpaceToDepth', [dY], { blocksize: block })
        : columnsLast(context, dY, required(0), block),
    )
  },
  SpaceToDepth({ node, emit, give, requiredGradient }) {
    give(0, emit('DepthToSpace', [requiredGradient(0)], { blocksize: intOf(node, 'blocksize', 1) }))
  },
  Cast: cast,
  CastLike: cast,
}
