import { unsupported } from '../errors.js'
import type { HostMatrixOp } from './algebra.js'
import { symmetricEigen } from './eigen.js'
import {
  identityMatrix,
  multiplyRows,
  reflectionsAtOnce,
  reflectorOf,
  reflectRows,
  type Numbers,
} from './householder.js'

/**
 * Computes a matrix operation in double precision, for engines that have none of their own.
 *
 * @param n the number of rows of the matrix, which is square
 * @param operands the matrix, row-major, and after it the scalars of the operation, each as an array of one number
 * @returns the result, row-major
 */
export function hostMatrix(op: HostMatrixOp, n: number, operands: readonly Numbers[]): Float64Array {
  const [a, p, epsilon] = operands
  switch (op) {
    case 'eigenvalues':
      return symmetricEigen(a!, n).values
    case 'eigenvectors':
      return symmetricEigen(a!, n).vectors
    case 'qr':
      return orthogonalFactor(a!, n)
    case 'inverseRoot':
      return inverseRoot(a!, n, p![0]!, epsilon![0]!)
    default:
      throw unsupported(`${String(op)} is not a matrix operation of the host`)
  }
}

/**
 * The orthogonal factor Q of A = QR by Householder's reflections, with the signs for which R has no negative number on its
 * diagonal.
 *
 * @param a n × n, row-major
 * @returns NaN everywhere if the matrix is not finite
 */
export function orthogonalFactor(a: Numbers, n: number): Float64Array {
  // Columns are worked as rows, because they are combined as a whole.
  const columns = transposed(a, n)
  let size = 0
  for (const x of columns) size = Math.max(size, Math.abs(x))
  if (!Number.isFinite(size)) return columns.fill(NaN)
  if (size > 0) for (let i = 0; i < columns.length; i++) columns[i]! /= size
  const blocks: { readonly start: number; readonly vectors: Float64Array[] }[] = []
  const signs = new Float64Array(n)
  for (let start = 0; start < n; start += reflectionsAtOnce) {
    const end = Math.min(start + reflectionsAtOnce, n)
    const vectors: Float64Array[] = []
    for (let k = start; k < end; k++) {
      const found = reflectorOf(columns.subarray(k * n + k, (k + 1) * n), 0)
      signs[k] = (found ? found.alpha : columns[k * n + k]!) < 0 ? -1 : 1
      if (!found) continue
      const v = new Float64Array(n - start)
      v.set(found.v, k - start)
      vectors.push(v)
      reflectRows(columns, { start: (k + 1) * n + start, width: n, count: end - k - 1 }, [v])
    }
    reflectRows(columns, { start: end * n + start, width: n, count: n - end }, vectors)
    blocks.push({ start, vectors })
  }
  const q = identityMatrix(n)
  for (const { start, vectors } of blocks.reverse()) {
    reflectRows(q, { start: start * n + start, width: n, count: n - start }, vectors.reverse())
  }
  for (let j = 0; j < n; j++) for (let i = 0; i < n; i++) q[j * n + i]! *= signs[j]!
  return transposed(q, n)
}

function transposed(a: Numbers, n: number): Float64Array {
  const result = new Float64Array(n * n)
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) result[j * n + i] = a[i * n + j]!
  return result
}

/**
 * (A + ε·λ·I)^(−1/p) of a symmetric matrix A with largest eigenvalue λ. Negative eigenvalues count as 0, and what is 0
 * even with ε stays 0, as in a pseudoinverse.
 *
 * @param a n × n, row-major. Only its lower triangle is read
 * @returns NaN everywhere if the matrix is not finite
 */
export function inverseRoot(a: Numbers, n: number, p: number, epsilon: number): Float64Array {
  const { values, vectors } = symmetricEigen(a, n)
  const added = epsilon * Math.max(values[n - 1] ?? 0, 0)
  const powers = values.map((value) => {
    const raised = Math.max(value, 0) + added
    return raised === 0 ? 0 : raised ** (-1 / p)
  })
  const result = new Float64Array(n * n)
  // V·diag(powers)·Vᵀ, whose lower triangle is enough.
  const scaled = vectors.map((x, index) => x * powers[index % n]!)
  const line = new Float64Array(n)
  for (let i = 0; i < n; i++) {
    multiplyRows(scaled.subarray(i * n, (i + 1) * n), vectors, { start: 0, width: n, count: i + 1 }, line)
    for (let j = 0; j <= i; j++) result[i * n + j] = result[j * n + i] = line[j]!
  }
  return result
}
