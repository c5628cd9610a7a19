import { floatOf, stringOf } from '../proto/attribute.js'
import type { GradientContext, GradientRule } from './context.js'
import { elementwise, giveReduced, type Elementwise } from './elementwise.js'

/** A rule that uses a gradient operator of the training build on dY and X, with the attributes named. */
function ofInput(opType: string, attribute?: readonly [name: string, otherwise: number]): GradientRule {
  return elementwise(({ dY, x, context: { emit, node } }) => {
    if (attribute === undefined) return emit(opType, [dY, x])
    const [name, otherwise] = attribute
    return emit(opType, [dY, x], { [name]: { float: floatOf(node, name, otherwise) } })
  })
}

/** The same on dY and Y. */
function ofOutput(opType: string): GradientRule {
  return elementwise(({ dY, y, context: { emit } }) => emit(opType, [dY, y]))
}

/** exp(min(x, 0)·scale): the slope of an exponential that takes over below 0, and 1 above. */
function exponential({ x, unary, mul, real, context }: Elementwise, scale = 1): string {
  const below = context.emit('Min', [x, real(0)])
  return unary('Exp', scale === 1 ? below : mul(below, real(scale)))
}

/** x·σ(αx). The default of α differs between its two forms. */
function swish(otherwise: number): GradientRule {
  return ofInput('com.microsoft:QuickGeluGrad', ['alpha', otherwise])
}

/** A Gelu of X + bias. Both operands have the same gradient, except that the bias was broadcast. */
function biased(context: GradientContext, opType: string): void {
  const dY = context.requiredGradient(0)
  const dX = context.emit(opType, [dY, context.required(0), context.required(1)])
  giveReduced(context, 0, () => dX)
  giveReduced(context, 1, () => dX)
}

/** Rules of activations. At a kink the slope is PyTorch's: that of the left side, unless a rule says otherwise. */
export const activations: Readonly<Record<string, GradientRule>> = {
  Relu: ofOutput('com.microsoft:ReluGrad'),
  /** The signs of X and Y agree unless α is negative. */
  LeakyRelu: elementwise(({ dY, x, y, context: { emit, node } }) => {
    const alpha = floatOf(node, 'alpha', 0.01)
    return emit('com.microsoft:LeakyReluGrad', [dY, alpha < 0 ? x : y], { alpha: { float: alpha } })
  }),
  PRelu(context) {
    const { emit, required, reals, realTypeOf } = context
    const [dY, x, slope] = [context.requiredGradient(0), required(0), required(1)]
    const zero = reals([0], realTypeOf(x))
    const isPositive = emit('Greater', [x, zero])
    giveReduced(context, 0, () => emit('Where', [isPositive, dY, emit('Mul', [dY, slope])]))
    giveReduced(context, 1, () => emit('Where', [isPositive, zero, emit('Mul', [dY, x])]))
  },
  ThresholdedRelu: elementwise(({ dY, x, is, where, real, context: { node } }) =>
    where(is('Greater', x, real(floatOf(node, 'alpha', 1))), dY, real(0)),
  ),
  Elu: elementwise((given) => {
    const { dY, x, is, where, mul, real, context } = given
    const slope = mul(real(floatOf(context.node, 'alpha', 1)), exponential(given))
    return where(is('Greater', x, real(0)), dY, mul(dY, slope))
  }),
  Celu: elementwise((given) => {
    const { dY, x, is, where, mul, real, context } = given
    const slope = exponential(given, 1 / floatOf(context.node, 'alpha', 1))
    return where(is('Greater', x, real(0)), dY, mul(dY, slope))
  }),
  Selu: elementwise((given) => {
    const { dY, x, is, where, mul, real, context } = given
    const alpha = floatOf(context.node, 'alpha', 1.67326319217681884765625)
    const scaled = mul(dY, real(floatOf(context.node, 'gamma', 1.05070102214813232421875)))
    return where(is('Greater', x, real(0)), scaled, mul(scaled, mul(real(alpha), exponential(given))))
  }),
  Softplus: elementwise(({ dY, x, mul, unary }) => mul(dY, unary('Sigmoid', x))),
  Softsign: elementwise(({ dY, x, div, add, mul, unary, real }) => {
    const denominator = add(real(1), unary('Abs', x))
    return div(dY, mul(denominator, denominator))
  }),
  /** 0 on the flat parts, ends included. */
  HardSigmoid: elementwise(({ dY, y, is, where, mul, real, context: { emit, node } }) => {
    const isSloped = emit('And', [is('Greater', y, real(0)), is('Less', y, real(1))])
    return where(isSloped, mul(dY, real(floatOf(node, 'alpha', 0.2))), real(0))
  }),
  /** x·max(0, min(1, x/6 + ½)): 0 up to −3, 1 from 3 on. */
  HardSwish: elementwise(({ dY, x, is, where, mul, add, real }) => {
    const middle = mul(dY, add(mul(x, real(1 / 3)), real(0.5)))
    const rising = where(is('Less', x, real(3)), middle, dY)
    return where(is('LessOrEqual', x, real(-3)), real(0), rising)
  }),
  /** x·t with t = tanh(softplus x): t + x·(1 − t²)·σ(x). */
  Mish: elementwise(({ dY, x, add, sub, mul, unary, real }) => {
    const t = unary('Tanh', unary('Softplus', x))
    const rest = mul(x, mul(sub(real(1), mul(t, t)), unary('Sigmoid', x)))
    return mul(dY, add(t, rest))
  }),
  /** Soft and hard thresholds: 1 outside ±lambd. */
  Shrink: elementwise(({ dY, x, is, where, unary, real, context: { node } }) =>
    where(is('Greater', unary('Abs', x), real(floatOf(node, 'lambd', 0.5))), dY, real(0)),
  ),
  Sigmoid: ofOutput('com.microsoft:SigmoidGrad'),
  Tanh: ofOutput('com.microsoft:TanhGrad'),
  Gelu: elementwise(({ dY, x, context: { emit, node } }) => {
    const isTanh = stringOf(node, 'approximate', 'none') === 'tanh'
    return emit(`com.microsoft:${isTanh ? 'FastGeluGrad' : 'GeluGrad'}`, [dY, x])
  }),
  FastGelu(context) {
    if (context.input(1) !== undefined) biased(context, 'com.microsoft:BiasFastGeluGrad_dX')
    else ofInput('com.microsoft:FastGeluGrad')(context)
  },
  BiasGelu: (context) => biased(context, 'com.microsoft:BiasGeluGrad_dX'),
  QuickGelu: swish(1.702),
  Swish: swish(1),
}
