import { add, div, dot, matmul, mul, sqrt, transpose, type Expr } from '../../graph/algebra.js'

/**
 * Newton–Schulz with the coefficients of Jordan's Muon: takes every singular value near 1 (about 0.7 to 1.2), on the
 * smaller of XXᵀ and XᵀX.
 *
 * @param tall whether the matrix has more rows than columns
 */
export function orthogonalise(matrix: Expr, tall: boolean, iterations: number): Expr {
  const [a, b, c] = [3.4445, -4.775, 2.0315]
  let x = div(matrix, add(sqrt(dot(matrix, matrix)), 1e-7))
  if (tall) x = transpose(x)
  for (let i = 0; i < iterations; i++) {
    const gram = matmul(x, transpose(x))
    const polynomial = add(mul(b, gram), mul(c, matmul(gram, gram)))
    x = add(mul(a, x), matmul(polynomial, x))
  }
  return tall ? transpose(x) : x
}
