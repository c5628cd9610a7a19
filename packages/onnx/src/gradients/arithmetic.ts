import { operationsOf, type Operations } from '../rewrite/operations.js'
import type { GradientContext, GradientRule } from './context.js'
import { elementwise, giveReduced } from './elementwise.js'

/** The operations of a rule, its operands, its result and the gradient of the result. */
function operandsOf(context: GradientContext): Operations & { a: string; b: string; y: string; dY: string } {
  const [a, b] = [context.required(0), context.required(1)]
  const operations = operationsOf(context, context.realTypeOf(a))
  return { ...operations, a, b, y: context.saved(0), dY: context.requiredGradient(0) }
}

/**
 * y = xᵉ: dX = e·xᵉ⁻¹·dY, dE = y·ln x·dY. Where they would be 0·∞ they are 0, as in PyTorch: dX at e = 0, dE at x = 0
 * with e ≥ 0. For a negative base dE is NaN.
 */
function pow(context: GradientContext): void {
  const { emit, wants, constantOf, realTypeOf, typeOf } = context
  const { a: x, b: given, y, dY, ...operations } = operandsOf(context)
  const { sub, mul, is, where, unary, real } = operations
  const type = realTypeOf(x)
  const zero = real(0)
  const exponent = typeOf(given).dataType === type ? given : emit('Cast', [given], { to: type })
  // A trained exponent is not a constant, although the model holds its first value.
  const constant = wants(1) ? undefined : constantOf(given)
  giveReduced(context, 0, () => {
    if (constant?.length === 1 && constant[0] === 2) return mul(dY, mul(real(2), x))
    const slope = mul(exponent, emit('Pow', [x, sub(exponent, real(1))]))
    const isSafe = constant !== undefined && !constant.includes(0)
    return mul(dY, isSafe ? slope : where(is('Equal', exponent, zero), zero, slope))
  })
  giveReduced(context, 1, () => {
    const isFlat = emit('And', [is('Equal', x, zero), is('GreaterOrEqual', exponent, zero)])
    return mul(dY, where(isFlat, zero, mul(y, unary('Log', x))))
  })
}

/**
 * The gradient of the largest or smallest operand goes to that operand. Tied operands share it equally, as in ONNX
 * Runtime and PyTorch.
 */
function extremum(context: GradientContext): void {
  const { node, emit, wants, required, realTypeOf } = context
  const dY = context.requiredGradient(0)
  if (node.input.length === 1) {
    context.give(0, dY)
    return
  }
  const y = context.saved(0)
  const to = realTypeOf(required(0))
  const chosen = node.input.map((x) => emit('Cast', [emit('Equal', [x, y])], { to }))
  const share = emit('Div', [dY, emit('Sum', chosen)])
  chosen.forEach((mask, i) => {
    if (wants(i)) giveReduced(context, i, () => emit('Mul', [share, mask]))
  })
}

/**
 * y = min(max(x, low), high): dX = dY within the bounds and on them, as in ONNX Runtime and PyTorch. The gradient of
 * a bound is that of the elements that it replaces (those of high where low > high).
 */
function clip(context: GradientContext): void {
  const { emit, give, wants, required, input, reduceTo, saved } = context
  const [x, low, high] = [required(0), input(1), input(2)]
  const dY = context.requiredGradient(0)
  const { is, where, real } = operationsOf(context, context.realTypeOf(x))
  const zero = real(0)
  const both = (...conditions: (string | undefined)[]): string | undefined =>
    conditions.reduce((a, b) => (a !== undefined && b !== undefined ? emit('And', [a, b]) : (a ?? b)))
  if (wants(0)) {
    const inside = both(low && is('GreaterOrEqual', x, low), high && is('LessOrEqual', x, high))
    give(0, inside === undefined ? dY : where(inside, dY, zero))
  }
  if (low !== undefined && wants(1)) {
    const isLow = both(is('Less', x, low), high && is('LessOrEqual', low, high))!
    give(1, reduceTo(where(isLow, dY, zero), low, saved(0)))
  }
  if (high !== undefined && wants(2)) {
    const above = is('Greater', x, high)
    const isHigh = low === undefined ? above : emit('Or', [above, is('Greater', low, high)])
    give(2, reduceTo(where(isHigh, dY, zero), high, saved(0)))
  }
}

/** Rules of arithmetic and of the elementary functions. */
export const arithmetic: Readonly<Record<string, GradientRule>> = {
  Add(context) {
    const dY = context.requiredGradient(0)
    giveReduced(context, 0, () => dY)
    giveReduced(context, 1, () => dY)
  },
  Sub(context) {
    const { emit, give, wants, required, reduceTo, saved } = context
    const dY = context.requiredGradient(0)
    giveReduced(context, 0, () => dY)
    if (wants(1)) give(1, emit('Neg', [reduceTo(dY, required(1), saved(0))]))
  },
  Mul(context) {
    const { a, b, dY, mul } = operandsOf(context)
    giveReduced(context, 0, () => mul(dY, b))
    giveReduced(context, 1, () => mul(dY, a))
  },
  Div(context) {
    const { a, b, dY, div } = operandsOf(context)
    if (!context.wants(1)) {
      giveReduced(context, 0, () => div(dY, b))
      return
    }
    const names = context.emitEach('com.microsoft:DivGrad', [dY, a, b], {}, [context.wants(0), true])
    names.forEach((name, i) => name !== undefined && context.give(i, name))
  },
  /** The remainder of reals: y = a − b·trunc(a/b). Up to rounding, trunc(a/b) = (a − y)/b. */
  Mod(context) {
    const { a, b, y, dY, sub, mul, div, unary } = operandsOf(context)
    giveReduced(context, 0, () => dY)
    giveReduced(context, 1, () => unary('Neg', mul(dY, unary('Round', div(sub(a, y), b)))))
  },
  Pow: pow,
  Max: extremum,
  Min: extremum,
  Clip: clip,
  Sum(context) {
    const dY = context.requiredGradient(0)
    context.node.input.forEach((_, i) => giveReduced(context, i, () => dY))
  },
  Mean(context) {
    const { node, emit, reals, realTypeOf, required } = context
    const count = reals([node.input.length], realTypeOf(required(0)))
    const share = emit('Div', [context.requiredGradient(0), count])
    node.input.forEach((_, i) => giveReduced(context, i, () => share))
  },
  Neg: elementwise(({ dY, unary }) => unary('Neg', dY)),
  /** 0 at 0, as in ONNX Runtime and PyTorch. */
  Abs: elementwise(({ dY, x, mul, unary }) => mul(dY, unary('Sign', x))),
  Reciprocal: elementwise(({ dY, y, mul, unary }) => unary('Neg', mul(dY, mul(y, y)))),
  Sqrt: elementwise(({ dY, y, div, mul, real }) => div(mul(dY, real(0.5)), y)),
  Exp: elementwise(({ dY, y, mul }) => mul(dY, y)),
  Log: elementwise(({ dY, x, div }) => div(dY, x)),
  Erf: elementwise(({ dY, x, mul, unary, real }) =>
    mul(dY, mul(real(2 / Math.sqrt(Math.PI)), unary('Exp', unary('Neg', mul(x, x))))),
  ),
  Sin: elementwise(({ dY, x, mul, unary }) => mul(dY, unary('Cos', x))),
  Cos: elementwise(({ dY, x, mul, unary }) => unary('Neg', mul(dY, unary('Sin', x)))),
  Tan: elementwise(({ dY, y, mul, add, real }) => mul(dY, add(real(1), mul(y, y)))),
  Asin: elementwise(({ dY, x, ...o }) => o.div(dY, circle(x, o))),
  Acos: elementwise(({ dY, x, ...o }) => o.unary('Neg', o.div(dY, circle(x, o)))),
  Atan: elementwise(({ dY, x, div, add, mul, real }) => div(dY, add(real(1), mul(x, x)))),
  Sinh: elementwise(({ dY, x, mul, unary }) => mul(dY, unary('Cosh', x))),
  Cosh: elementwise(({ dY, x, mul, unary }) => mul(dY, unary('Sinh', x))),
  Asinh: elementwise(({ dY, x, div, add, mul, unary, real }) =>
    div(dY, unary('Sqrt', add(mul(x, x), real(1)))),
  ),
  Acosh: elementwise(({ dY, x, div, sub, add, mul, unary, real }) =>
    div(dY, unary('Sqrt', mul(sub(x, real(1)), add(x, real(1))))),
  ),
  Atanh: elementwise(({ dY, x, div, sub, add, mul, real }) => div(dY, mul(sub(real(1), x), add(real(1), x)))),
}

/** √(1 − x²), exact near ±1. */
function circle(x: string, { sub, add, mul, unary, real }: Operations): string {
  return unary('Sqrt', mul(sub(real(1), x), add(real(1), x)))
}
