import { unsupported } from '../errors.js'
import type { HostMatrixOp } from './algebra.js'

/** Numbers that are read by index. */
type Numbers = Readonly<ArrayLike<number>>

/** The eigenvalues of a symmetric matrix, ascending, and its eigenvectors, the columns of a row-major matrix. */
export interface Eigen {
  readonly values: Float64Array
  readonly vectors: Float64Array
}

/** Sweeps for one eigenvalue, after which a matrix is given up. More than a few are rare. */
const mostSweeps = 60

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
 * The eigenvalues and eigenvectors of a symmetric matrix: Householder's tridiagonal form, then the QL method with implicit
 * shifts (Golub and Van Loan, Matrix Computations, 8.3; EISPACK's tred2 and imtql2). The element of a vector that is
 * largest in absolute value is positive.
 *
 * @param a n × n, row-major. Only its lower triangle is read
 * @returns NaN everywhere if the matrix is not finite
 */
export function symmetricEigen(a: Numbers, n: number): Eigen {
  const work = new Float64Array(n * n)
  let size = 0
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      const x = a[i * n + j]!
      work[i * n + j] = work[j * n + i] = x
      // Not Math.max alone: it has to keep a NaN.
      size = Math.max(size, Math.abs(x))
    }
  }
  const [values, couplings] = [new Float64Array(n), new Float64Array(n)]
  const vectors = new Float64Array(n * n)
  const nothing = (): Eigen => ({ values: values.fill(NaN), vectors: vectors.fill(NaN) })
  if (!Number.isFinite(size)) return nothing()
  // Scaled, so that no square overflows or is lost.
  const scale = size === 0 ? 1 : size
  for (let i = 0; i < work.length; i++) work[i]! /= scale
  const rows = tridiagonalise(work, n, values, couplings)
  if (!diagonalise(rows, n, values, couplings)) return nothing()

  const order = Array.from(values.keys()).sort((i, j) => values[i]! - values[j]!)
  order.forEach((from, to) => {
    const row = rows.subarray(from * n, (from + 1) * n)
    const sign = signOfLargest(row)
    for (let i = 0; i < n; i++) vectors[i * n + to] = sign * row[i]!
  })
  return { values: Float64Array.from(order, (i) => values[i]! * scale), vectors }
}

function signOfLargest(x: Float64Array): number {
  let largest = 0
  for (const value of x) if (Math.abs(value) > Math.abs(largest)) largest = value
  return largest < 0 ? -1 : 1
}

/**
 * A vector v with vᵀv = 2, for which I − vvᵀ takes x to α·e, e being the unit vector at `index`; and α. `undefined` where
 * x is such a vector already.
 */
function reflectorOf(
  x: Float64Array,
  index: number,
): { readonly v: Float64Array; readonly alpha: number } | undefined {
  const squared = dot(x, x)
  const at = x[index]!
  if (squared === at * at) return undefined
  const alpha = at > 0 ? -Math.sqrt(squared) : Math.sqrt(squared)
  const v = x.slice()
  v[index] = at - alpha
  const unit = Math.sqrt(2 / dot(v, v))
  for (let i = 0; i < v.length; i++) v[i]! *= unit
  return { v, alpha }
}

function dot(x: Float64Array, y: Float64Array): number {
  let total = 0
  for (let i = 0; i < x.length; i++) total += x[i]! * y[i]!
  return total
}

/** x += a·y */
function addTimes(x: Float64Array, a: number, y: Float64Array): void {
  for (let i = 0; i < x.length; i++) x[i]! += a * y[i]!
}

/**
 * Takes a symmetric matrix A to tridiagonal form T = QᵀAQ.
 *
 * @param a A, which is overwritten
 * @param diagonal receives that of T
 * @param couplings receives the elements beside it: the i-th is that of rows i and i + 1
 * @returns Qᵀ
 */
function tridiagonalise(
  a: Float64Array,
  n: number,
  diagonal: Float64Array,
  couplings: Float64Array,
): Float64Array {
  const reflectors: (Float64Array | undefined)[] = []
  for (let k = n - 1; k > 0; k--) {
    // The first k elements of row k, of which the last stays beside the diagonal.
    const row = (i: number): Float64Array => a.subarray(i * n, i * n + k)
    const found = reflectorOf(row(k), k - 1)
    couplings[k - 1] = found ? found.alpha : a[k * n + k - 1]!
    reflectors[k] = found?.v
    if (!found) continue
    // With H = I − vvᵀ: HAH = A − vwᵀ − wvᵀ, w = Av − v(vᵀAv)/2.
    const { v } = found
    const w = Float64Array.from(v, (_, i) => dot(row(i), v))
    addTimes(w, -dot(v, w) / 2, v)
    for (let i = 0; i < k; i++) {
      const target = row(i)
      const [x, y] = [v[i]!, w[i]!]
      for (let j = 0; j < k; j++) target[j]! -= x * w[j]! + y * v[j]!
    }
  }
  for (let i = 0; i < n; i++) diagonal[i] = a[i * n + i]!

  // Q = H(n−1)···H(1), from the right: up to H(k), only its first k rows and columns differ from those of I.
  const rows = identityMatrix(n)
  for (let k = 1; k < n; k++) {
    const v = reflectors[k]
    if (!v) continue
    for (let j = 0; j < k; j++) {
      const column = rows.subarray(j * n, j * n + k)
      addTimes(column, -dot(column, v), v)
    }
  }
  return rows
}

function identityMatrix(n: number): Float64Array {
  const result = new Float64Array(n * n)
  for (let i = 0; i < n; i++) result[i * n + i] = 1
  return result
}

/**
 * Takes a tridiagonal matrix to diagonal form by the QL method with implicit shifts.
 *
 * @param rows rotated along: at the end its rows are the eigenvectors
 * @param d the diagonal, which becomes the eigenvalues
 * @param e the couplings, which become 0
 * @returns whether it converged
 */
function diagonalise(rows: Float64Array, n: number, d: Float64Array, e: Float64Array): boolean {
  for (let first = 0; first < n; first++) {
    for (let sweep = 0; ; sweep++) {
      // The block from `first` to `last` has no coupling that is lost in the diagonal beside it.
      let last = first
      while (
        last < n - 1 &&
        Math.abs(e[last]!) > Number.EPSILON * (Math.abs(d[last]!) + Math.abs(d[last + 1]!))
      )
        last++
      if (last === first) break
      if (sweep === mostSweeps) return false
      sweepBlock(rows, n, d, e, first, last)
    }
  }
  return true
}

/** One sweep of QL, with the eigenvalue of the block's first two rows that is nearest to the first as its shift. */
function sweepBlock(
  rows: Float64Array,
  n: number,
  d: Float64Array,
  e: Float64Array,
  first: number,
  last: number,
): void {
  const slope = (d[first + 1]! - d[first]!) / (2 * e[first]!)
  const root = Math.hypot(slope, 1)
  let g = d[last]! - d[first]! + e[first]! / (slope + (slope < 0 ? -root : root))
  let [sine, cosine, shift] = [1, 1, 0]
  for (let i = last - 1; i >= first; i--) {
    const f = sine * e[i]!
    const b = cosine * e[i]!
    const r = Math.hypot(f, g)
    e[i + 1] = r
    if (r === 0) {
      // The block falls apart here.
      d[i + 1]! -= shift
      e[last] = 0
      return
    }
    sine = f / r
    cosine = g / r
    const h = d[i + 1]! - shift
    const t = (d[i]! - h) * sine + 2 * cosine * b
    shift = sine * t
    d[i + 1] = h + shift
    g = cosine * t - b
    rotate(rows.subarray(i * n, i * n + n), rows.subarray((i + 1) * n, (i + 2) * n), cosine, sine)
  }
  d[first]! -= shift
  e[first] = g
  e[last] = 0
}

/** Rotates two vectors in their plane. */
function rotate(x: Float64Array, y: Float64Array, cosine: number, sine: number): void {
  for (let i = 0; i < x.length; i++) {
    const [a, b] = [x[i]!, y[i]!]
    y[i] = sine * a + cosine * b
    x[i] = cosine * a - sine * b
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
  const rest = (of: Float64Array, j: number, k: number): Float64Array => of.subarray(j * n + k, (j + 1) * n)
  const reflectors: (Float64Array | undefined)[] = []
  const signs = new Float64Array(n)
  for (let k = 0; k < n; k++) {
    const found = reflectorOf(rest(columns, k, k), 0)
    signs[k] = (found ? found.alpha : columns[k * n + k]!) < 0 ? -1 : 1
    reflectors[k] = found?.v
    if (!found) continue
    for (let j = k + 1; j < n; j++) {
      const column = rest(columns, j, k)
      addTimes(column, -dot(column, found.v), found.v)
    }
  }
  const q = identityMatrix(n)
  for (let k = n - 1; k >= 0; k--) {
    const v = reflectors[k]
    if (!v) continue
    for (let j = k; j < n; j++) {
      const column = rest(q, j, k)
      addTimes(column, -dot(column, v), v)
    }
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
  for (let i = 0; i < n; i++) {
    const left = scaled.subarray(i * n, (i + 1) * n)
    for (let j = 0; j <= i; j++)
      result[i * n + j] = result[j * n + i] = dot(left, vectors.subarray(j * n, (j + 1) * n))
  }
  return result
}
