import { floatOf } from '../proto/attribute.js'
import type { LoweringRule, LoweringContext } from '../rewrite/nodeContext.js'
import { operationsOf, type Operations } from '../rewrite/operations.js'

/** A row for dX = dY · slope. The slope is a function of the second input (X or Y) and of the context. */
function sloped(
  slope: (x: string, operations: Operations, context: LoweringContext) => string,
): LoweringRule {
  return (context) => {
    const { emit, required, output, realTypeOf } = context
    const [dY, x] = [required(0), required(1)]
    const operations = operationsOf(context, realTypeOf(dY, x))
    emit('Mul', [dY, slope(x, operations, context)], {}, output(0))
  }
}

/** Where(X > 0, dY, negative): X may be the input or the output, whose signs agree. */
function rectified(
  negative: (dY: string, context: LoweringContext, zero: string, type: number) => string,
): LoweringRule {
  return (context) => {
    const { emit, required, output, reals, realTypeOf } = context
    const [dY, x] = [required(0), required(1)]
    const type = realTypeOf(dY, x)
    const zero = reals([0], type)
    emit('Where', [emit('Greater', [x, zero]), dY, negative(dY, context, zero, type)], {}, output(0))
  }
}

/** Φ(x) + x·φ(x), with the normal distribution's Φ and φ. */
function geluSlope(x: string, { add, mul, unary, real }: Operations): string {
  const distribution = mul(real(0.5), add(real(1), unary('Erf', mul(x, real(Math.SQRT1_2)))))
  const density = mul(real(1 / Math.sqrt(2 * Math.PI)), unary('Exp', mul(real(-0.5), x, x)))
  return add(distribution, mul(x, density))
}

/** The slope of ½x·(1 + tanh u), u = √(2/π)·(x + 0.044715x³). */
function fastGeluSlope(x: string, { add, sub, mul, unary, real }: Operations): string {
  const square = mul(x, x)
  const alpha = Math.sqrt(2 / Math.PI)
  const u = mul(real(alpha), x, add(real(1), mul(real(0.044715), square)))
  const t = unary('Tanh', u)
  const du = mul(real(alpha), add(real(1), mul(real(3 * 0.044715), square)))
  const half = real(0.5)
  return add(mul(half, add(real(1), t)), mul(half, x, sub(real(1), mul(t, t)), du))
}

/** The slope of x·σ(αx): σ·(1 + αx·(1 − σ)). */
function quickGeluSlope(
  x: string,
  { add, sub, mul, unary, real }: Operations,
  { node }: LoweringContext,
): string {
  const scaled = mul(x, real(floatOf(node, 'alpha', 1.702)))
  const s = unary('Sigmoid', scaled)
  return mul(s, add(real(1), mul(scaled, sub(real(1), s))))
}

/** The same slope, taken at X + bias. */
function biased(slope: typeof geluSlope): LoweringRule {
  return sloped((x, operations, { required }) => slope(operations.add(x, required(2)), operations))
}

export const activations = {
  ReluGrad: rectified((_dY, _context, zero) => zero),
  LeakyReluGrad: rectified((dY, { node, emit, reals }, _zero, type) =>
    emit('Mul', [dY, reals([floatOf(node, 'alpha', 0.01)], type)]),
  ),
  // The second input of these two is the output Y.
  SigmoidGrad: sloped((y, { sub, mul, real }) => mul(y, sub(real(1), y))),
  TanhGrad: sloped((y, { sub, mul, real }) => sub(real(1), mul(y, y))),
  GeluGrad: sloped(geluSlope),
  FastGeluGrad: sloped(fastGeluSlope),
  QuickGeluGrad: sloped(quickGeluSlope),
  BiasGeluGrad_dX: biased(geluSlope),
  BiasFastGeluGrad_dX: biased(fastGeluSlope),
} satisfies Record<string, LoweringRule>
