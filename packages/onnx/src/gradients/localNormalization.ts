import { floatOf, intOf, intsOf } from '../proto/attribute.js'
import { mean, throughNormalization } from '../lowering/normalization.js'
import { operationsOf } from '../rewrite/operations.js'
import type { GradientContext, GradientRule } from './context.js'

/**
 * Sums over a window of channels: from `before` channels before each to `after` behind it.
 *
 * @returns a value of the same shape
 */
function windowSum(
  { emit, ints, rankOf }: GradientContext,
  x: string,
  like: string,
  before: number,
  after: number,
): string {
  const rank = rankOf(like)
  const pads = Array.from({ length: 2 * rank }, (_, i) => (i === 1 ? before : i === rank + 1 ? after : 0))
  const padded = emit('Pad', [x, ints(pads)])
  const count = before + after + 1
  const shifted = Array.from({ length: count }, (_, i) => {
    // The last one ends with the channels, and its end would be 0.
    const end = i === count - 1 ? 2 ** 31 - 1 : i - count + 1
    return emit('Slice', [padded, ints([i]), ints([end]), ints([1])])
  })
  return count === 1 ? shifted[0]! : emit('Sum', shifted)
}

/**
 * y = x/dᵝ with d = bias + (alpha/size)·Σ x² over `size` channels: dX = dY/dᵝ − 2β(alpha/size)·x·Σ dY·x/dᵝ⁺¹, summed
 * over the channels whose windows contain this one. Krizhevsky, Sutskever and Hinton, 2012.
 */
function local(context: GradientContext): void {
  const { node, give, required, requiredGradient, realTypeOf } = context
  const [x, dY] = [required(0), requiredGradient(0)]
  const { add, sub, mul, div, real, unary } = operationsOf(context, realTypeOf(x))
  const size = intOf(node, 'size', 1)
  const [alpha, beta] = [floatOf(node, 'alpha', 1e-4) / size, floatOf(node, 'beta', 0.75)]
  const [before, after] = [Math.floor((size - 1) / 2), Math.ceil((size - 1) / 2)]
  const squares = windowSum(context, mul(x, x), x, before, after)
  const d = add(real(floatOf(node, 'bias', 1)), mul(real(alpha), squares))
  const scaled = mul(dY, unary('Exp', mul(real(-beta), unary('Log', d))))
  const spread = windowSum(context, div(mul(scaled, x), d), x, after, before)
  give(0, sub(scaled, mul(real(2 * alpha * beta), mul(x, spread))))
}

/** y = (x − mean)/deviation along axes, without scale and bias. */
function meanVariance(context: GradientContext): void {
  const { node, emit, give, required, requiredGradient, realTypeOf, rankOf, reals } = context
  const x = required(0)
  const rank = rankOf(x)
  const given = intsOf(node, 'axes') ?? [0, 2, 3]
  const axes = given.map((axis) => (axis < 0 ? axis + rank : axis))
  const rest = emit('Sub', [x, mean(context, x, axes)])
  const deviation = emit('Sqrt', [mean(context, emit('Mul', [rest, rest]), axes)])
  // The operator is defined with this addend.
  const stable = emit('Add', [deviation, reals([1e-9], realTypeOf(x))])
  const inverse = emit('Reciprocal', [stable])
  const form = { normalized: emit('Mul', [rest, inverse]), inverse, centered: true }
  give(0, throughNormalization(context, requiredGradient(0), form, axes))
}

/** Rules of normalisations without parameters. */
export const localNormalization: Readonly<Record<string, GradientRule>> = {
  LRN: local,
  MeanVarianceNormalization: meanVariance,
}
