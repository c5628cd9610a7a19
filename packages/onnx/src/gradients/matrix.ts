import { stretchedAxes } from '../lowering/arithmetic.js'
import { floatOf, intOf } from '../proto/attribute.js'
import type { GradientContext, GradientRule } from './context.js'
import { einsum } from './einsum.js'

/** How a product transposes and scales its operands. */
interface Product {
  readonly transA: boolean
  readonly transB: boolean
  readonly alpha: number
}

/** α·A′·B′ of two matrices, or of stacks of them. */
function multiply(
  { emit }: GradientContext,
  a: string,
  b: string,
  product: Product,
  isMatrix: boolean,
): string {
  const { transA, transB, alpha } = product
  if (!isMatrix && !transA && !transB && alpha === 1) return emit('MatMul', [a, b])
  const attributes = {
    alpha: alpha === 1 ? undefined : { float: alpha },
    transA: transA ? 1 : undefined,
    transB: transB ? 1 : undefined,
  }
  return emit(isMatrix ? 'Gemm' : 'com.microsoft:FusedMatMul', [a, b], attributes)
}

/**
 * The gradients of the operands of Y = α·A′·B′: dA′ = α·dY·B′ᵀ and dB′ = α·A′ᵀ·dY, each written so that the result is
 * transposed like its operand.
 */
function operandGradients(
  product: Product,
): Record<'a' | 'b', (a: string, b: string, dY: string) => [string, string, Product]> {
  const { transA, transB, alpha } = product
  return {
    a: (_, b, dY) =>
      transA
        ? [b, dY, { transA: transB, transB: true, alpha }]
        : [dY, b, { transA: false, transB: !transB, alpha }],
    b: (a, _, dY) =>
      transB
        ? [dY, a, { transA: true, transB: transA, alpha }]
        : [a, dY, { transA: !transA, transB: false, alpha }],
  }
}

/** Products of vectors, matrices and stacks of matrices. Stacks are broadcast against each other. */
function matMul(context: GradientContext, product: Product): void {
  const { emit, give, wants, required, requiredGradient, ints, rankOf, reduce } = context
  const [a, b, dY] = [required(0), required(1), requiredGradient(0)]
  const [rankA, rankB] = [rankOf(a), rankOf(b)]
  const scale = (value: string): string =>
    product.alpha === 1 ? value : emit('Mul', [value, context.reals([product.alpha], context.realTypeOf(a))])
  if (rankA === 1 && rankB === 1) {
    if (wants(0)) give(0, scale(emit('Mul', [dY, b])))
    if (wants(1)) give(1, scale(emit('Mul', [dY, a])))
    return
  }
  // A vector is a matrix of one row or one column, and so is the gradient of the result.
  const rows = rankA === 1 ? emit('Unsqueeze', [a, ints([0])]) : a
  const columns = rankB === 1 ? emit('Unsqueeze', [b, ints([1])]) : b
  const from = rankA === 1 || rankB === 1 ? emit('Unsqueeze', [dY, ints([rankA === 1 ? -2 : -1])]) : dY
  const gradients = operandGradients({
    ...product,
    // A vector has nothing to transpose.
    transA: product.transA && rankA > 1,
    transB: product.transB && rankB > 1,
  })
  const rank = Math.max(rankA, rankB)
  const isMatrix = rank === 2
  if (wants(0)) {
    const whole = multiply(context, ...gradients.a(rows, columns, from), isMatrix)
    if (rankA > 1) give(0, isMatrix ? whole : reduceStack(context, whole, a))
    else give(0, reduce('ReduceSum', whole, others(rank, rank - 1), false))
  }
  if (!wants(1)) return
  if (rankB === 1) {
    const whole = multiply(context, ...gradients.b(rows, columns, from), isMatrix)
    give(1, reduce('ReduceSum', whole, others(rank, rank - 2), false))
  } else if (rankB === 2 && rankA > 2 && !product.transA) {
    // One product of tall matrices replaces a stack of products and their sum.
    const [axisK, axisN] = product.transB ? [1, 0] : [0, 1]
    const [tallA, tallY] = [tall(context, a, b, axisK), tall(context, dY, b, axisN)]
    give(1, multiply(context, ...gradients.b(tallA, b, tallY), true))
  } else {
    const whole = multiply(context, ...gradients.b(rows, columns, from), isMatrix)
    give(1, isMatrix ? whole : reduceStack(context, whole, b))
  }
}

/** All axes but one. */
function others(rank: number, axis: number): number[] {
  return Array.from({ length: rank }, (_, i) => i).filter((i) => i !== axis)
}

/** Reshapes a stack of matrices to one matrix, with as many columns as an axis of another value has elements. */
function tall(
  { emit, ints, shapeOf, extentsOf }: GradientContext,
  x: string,
  like: string,
  axis: number,
): string {
  const extent = extentsOf(like)[axis]
  const shape =
    typeof extent === 'number'
      ? ints([-1, extent])
      : emit('Concat', [ints([-1]), emit('Slice', [shapeOf(like), ints([axis]), ints([axis + 1])])], {
          axis: 0,
        })
  return emit('Reshape', [x, shape])
}

/** Sums a stack of matrices over the axes along which an operand's stack was broadcast. */
function reduceStack(context: GradientContext, gradient: string, like: string): string {
  const { emit, extentsOf, typeOf, saved, reduce, reduceTo, shapeOf } = context
  const [from, to] = [extentsOf(like), typeOf(saved(0)).shape]
  const axes = to && stretchedAxes(from.slice(0, -2), to.slice(0, to.length - 2))
  // The gradient's own shape is not recorded, so it is read from the graph.
  if (axes === undefined) return reduceTo(gradient, like, gradient)
  if (axes.length === 0) return gradient
  const missing = to!.length - from.length
  const reduced = reduce('ReduceSum', gradient, axes, axes.length > missing)
  return missing > 0 && axes.length > missing ? emit('Reshape', [reduced, shapeOf(like)]) : reduced
}

/** Rules of products of matrices and tensors. */
export const matrix: Readonly<Record<string, GradientRule>> = {
  MatMul: (context) => matMul(context, { transA: false, transB: false, alpha: 1 }),
  FusedMatMul(context) {
    const { node, refuse } = context
    if (intOf(node, 'transBatchA', 0) === 1 || intOf(node, 'transBatchB', 0) === 1) {
      refuse('transBatchA and transBatchB are not supported; put Transpose and MatMul in its place')
    }
    matMul(context, {
      transA: intOf(node, 'transA', 0) === 1,
      transB: intOf(node, 'transB', 0) === 1,
      alpha: floatOf(node, 'alpha', 1),
    })
  },
  /** Y = α·A′·B′ + β·C. */
  Gemm(context) {
    const { node, emit, give, wants, input, required, requiredGradient, saved, reduceTo, reals, realTypeOf } =
      context
    const [a, b, c, dY] = [required(0), required(1), input(2), requiredGradient(0)]
    const gradients = operandGradients({
      transA: intOf(node, 'transA', 0) === 1,
      transB: intOf(node, 'transB', 0) === 1,
      alpha: floatOf(node, 'alpha', 1),
    })
    if (wants(0)) give(0, multiply(context, ...gradients.a(a, b, dY), true))
    if (wants(1)) give(1, multiply(context, ...gradients.b(a, b, dY), true))
    if (c === undefined || !wants(2)) return
    const beta = floatOf(node, 'beta', 1)
    const reduced = reduceTo(dY, c, saved(0))
    give(2, beta === 1 ? reduced : emit('Mul', [reduced, reals([beta], realTypeOf(c))]))
  },
  Einsum: einsum,
}
