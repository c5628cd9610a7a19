import { intOf, intsOf } from '../proto/attribute.js'
import { operationsOf, type Operations } from '../rewrite/operations.js'
import type { GradientContext, GradientRule } from './context.js'

/** A reduction: its operands, and functions that move values between its input's shape and its output's. */
interface Reduction extends Operations {
  readonly x: string
  /** The result and its gradient, with the reduced axes kept. */
  readonly y: string
  readonly dY: string
  /** Reduces a value of the input's shape in the same way, and keeps the reduced axes. */
  readonly reduced: (opType: string, value: string) => string
  /** The number of elements that went into one, as a real scalar. */
  readonly count: () => string
  /** Broadcasts a value to the input's shape. */
  readonly expand: (value: string) => string
}

/**
 * Reads the axes of a reduction. They are an attribute or an input, constant or not. Without axes all are reduced, or
 * none with noop_with_empty_axes.
 */
function reductionOf(context: GradientContext): Reduction {
  const { node, emit, ints, required, input, constantOf, rankOf, extentsOf, realTypeOf, shapeOf } = context
  const x = required(0)
  const operations = operationsOf(context, realTypeOf(x))
  const keepsAxes = intOf(node, 'keepdims', 1) === 1
  const noop = intOf(node, 'noop_with_empty_axes', 0)
  const axesInput = input(1)
  const given = intsOf(node, 'axes') ?? (axesInput === undefined ? [] : constantOf(axesInput))
  const isWhole = given?.length === 0 && noop !== 1 && context.typeOf(x).shape === undefined
  if (isWhole) return wholeReduction(context, x)
  const rank = rankOf(x)
  const all = Array.from({ length: noop === 1 ? 0 : rank }, (_, axis) => axis)
  const axes = given && (given.length === 0 ? all : given.map((axis) => (axis < 0 ? axis + rank : axis)))
  const restore = (value: string): string => {
    // A scalar broadcasts to any shape as it is.
    if (keepsAxes || axes?.length === 0 || axes?.length === rank) return value
    return emit('Unsqueeze', [value, axes ? ints(axes) : axesInput])
  }
  return {
    ...operations,
    x,
    y: restore(context.saved(0)),
    dY: restore(context.requiredGradient(0)),
    reduced: (opType, value) =>
      axes
        ? context.reduce(opType, value, axes)
        : emit(opType, [value, axesInput], { keepdims: 1, noop_with_empty_axes: noop }),
    count() {
      const extents = axes?.map((axis) => extentsOf(x)[axis])
      if (extents?.every((extent) => typeof extent === 'number')) {
        return operations.real(extents.reduce((a, b) => a * b, 1))
      }
      const to = realTypeOf(x)
      const size = (value: string): string => emit('Cast', [emit('Size', [value])], { to })
      return operations.div(size(x), size(context.saved(0)))
    },
    expand: (value) => emit('Expand', [value, shapeOf(x)]),
  }
}

/** A reduction of all axes of a value with an unknown number of them. Its result broadcasts to any shape. */
function wholeReduction(context: GradientContext, x: string): Reduction {
  const { emit, realTypeOf, shapeOf } = context
  const operations = operationsOf(context, realTypeOf(x))
  return {
    ...operations,
    x,
    y: context.saved(0),
    dY: context.requiredGradient(0),
    reduced: (opType, value) => emit(opType, [value], { keepdims: 0 }),
    count: () => emit('Cast', [emit('Size', [x])], { to: realTypeOf(x) }),
    expand: (value) => emit('Expand', [value, shapeOf(x)]),
  }
}

function reduction(gradient: (given: Reduction) => string): GradientRule {
  return (context) => {
    if (context.wants(0)) context.give(0, gradient(reductionOf(context)))
  }
}

/** The largest or smallest: tied elements share the gradient equally, as in PyTorch's amax. */
const extremum = reduction(({ x, y, dY, mul, div, is, where, real, reduced }) => {
  const chosen = where(is('Equal', x, y), real(1), real(0))
  return mul(div(dY, reduced('ReduceSum', chosen)), chosen)
})

/**
 * For each element, the product of the others. If no element is 0, that is the product over the element itself. If
 * one is 0, it gets the product of the others, and the others get nothing. If several are, none gets anything.
 */
const product = reduction(({ x, dY, mul, div, is, where, real, reduced }) => {
  const [zero, one] = [real(0), real(1)]
  const isZero = is('Equal', x, zero)
  const nonzero = where(isZero, one, x)
  const of = reduced('ReduceProd', nonzero)
  const zeros = reduced('ReduceSum', where(isZero, one, zero))
  const atZero = where(is('Equal', zeros, one), of, zero)
  const elsewhere = where(is('Equal', zeros, zero), div(of, nonzero), zero)
  return mul(dY, where(isZero, atZero, elsewhere))
})

/** Rules of reductions, of running sums and of selecting the largest. */
export const reductions: Readonly<Record<string, GradientRule>> = {
  ReduceSum: reduction(({ dY, expand }) => expand(dY)),
  ReduceMean: reduction(({ dY, div, count, expand }) => expand(div(dY, count()))),
  ReduceMax: extremum,
  ReduceMin: extremum,
  ReduceProd: product,
  /** 0 at 0. */
  ReduceL1: reduction(({ x, dY, mul, unary }) => mul(dY, unary('Sign', x))),
  /** x/‖x‖, and 0 where the norm is 0. */
  ReduceL2: reduction(({ x, y, dY, mul, div, is, where, real }) =>
    mul(x, where(is('Equal', y, real(0)), real(0), div(dY, y))),
  ),
  ReduceSumSquare: reduction(({ x, dY, mul, real }) => mul(mul(dY, real(2)), x)),
  ReduceLogSum: reduction(({ y, dY, mul, unary, expand }) => expand(mul(dY, unary('Exp', unary('Neg', y))))),
  ReduceLogSumExp: reduction(({ x, y, dY, mul, sub, unary }) => mul(dY, unary('Exp', sub(x, y)))),
  /** Each element is part of the sums from its own on, so its gradient sums in the other direction. */
  CumSum({ node, emit, give, required, requiredGradient }) {
    const attributes = { exclusive: intOf(node, 'exclusive', 0), reverse: 1 - intOf(node, 'reverse', 0) }
    give(0, emit('CumSum', [requiredGradient(0), required(1)], attributes))
  },
  TopK({ node, emit, give, required, requiredGradient, saved, shapeOf }) {
    const inputs = [requiredGradient(0), shapeOf(required(0)), saved(1)]
    give(0, emit('com.microsoft:GatherElementsGrad', inputs, { axis: intOf(node, 'axis', -1) }))
  },
}
