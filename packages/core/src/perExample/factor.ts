/**
 * Factors the symmetric positive definite matrix δI + K in place, K positive semidefinite: the lower triangle of `matrix`
 * becomes L with LLᵀ = δI + K (Cholesky). δ is 1, or 1e-12 times the largest element of K's diagonal if that is more:
 * rounding would lose a smaller δ.
 *
 * @param matrix K, n × n and row-major; the lower triangle is read. NaN and infinities end up in L.
 */
export function factor(matrix: Float64Array, n: number): void {
  let largest = 0
  for (let i = 0; i < n; i++) largest = Math.max(largest, matrix[i * n + i]!)
  const identity = Math.max(1, 1e-12 * largest)
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = matrix[i * n + j]! + (i === j ? identity : 0)
      for (let k = 0; k < j; k++) sum -= matrix[i * n + k]! * matrix[j * n + k]!
      matrix[i * n + j] = i === j ? Math.sqrt(sum) : sum / matrix[j * n + j]!
    }
  }
}

/** Solves LLᵀx = b in place of b, with the L of {@link factor}. */
export function solve(factored: Float64Array, n: number, b: Float64Array): void {
  for (let i = 0; i < n; i++) {
    let sum = b[i]!
    for (let k = 0; k < i; k++) sum -= factored[i * n + k]! * b[k]!
    b[i] = sum / factored[i * n + i]!
  }
  for (let i = n - 1; i >= 0; i--) {
    let sum = b[i]!
    for (let k = i + 1; k < n; k++) sum -= factored[k * n + i]! * b[k]!
    b[i] = sum / factored[i * n + i]!
  }
}
