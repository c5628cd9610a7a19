import {
  dot,
  identityMatrix,
  multiplyRows,
  reflectionsAtOnce,
  reflectorOf,
  reflectRows,
  type Numbers,
} from './householder.js'

/** The eigenvalues of a symmetric matrix, ascending, and its eigenvectors, the columns of a row-major matrix. */
export interface Eigen {
  readonly values: Float64Array
  readonly vectors: Float64Array
}

/** Sweeps for one eigenvalue, after which a matrix is given up. More than a few are rare. */
const mostSweeps = 60

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
    const found = reflectorOf(a.subarray(k * n, k * n + k), k - 1)
    couplings[k - 1] = found ? found.alpha : a[k * n + k - 1]!
    reflectors[k] = found?.v
    if (!found) continue
    // With H = I − vvᵀ: HAH = A − vwᵀ − wvᵀ, w = Av − v(vᵀAv)/2.
    const { v } = found
    const w = new Float64Array(k)
    multiplyRows(v, a, { start: 0, width: n, count: k }, w)
    const half = dot(v, w) / 2
    for (let i = 0; i < k; i++) w[i]! -= half * v[i]!
    for (let i = 0; i < k; i++) {
      const start = i * n
      const x = v[i]!
      const y = w[i]!
      for (let j = 0; j < k; j++) a[start + j]! -= x * w[j]! + y * v[j]!
    }
  }
  for (let i = 0; i < n; i++) diagonal[i] = a[i * n + i]!

  // Q = H(n−1)···H(1), from the right: up to H(k), only its first k rows and columns differ from those of I.
  const rows = identityMatrix(n)
  for (let k = 1; k < n; k += reflectionsAtOnce) {
    const count = Math.min(k + reflectionsAtOnce, n) - 1
    // A matrix that is diagonal already has none.
    const block = reflectors.slice(k, count + 1).flatMap((v) => {
      if (!v) return []
      const padded = new Float64Array(count)
      padded.set(v)
      return [padded]
    })
    reflectRows(rows, { start: 0, width: n, count }, block)
  }
  return rows
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
  const turns = { cosines: new Float64Array(n), sines: new Float64Array(n) }
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
      const end = sweepBlock({ d, e, first, last }, turns)
      rotateRows(rows, n, turns, last, end)
    }
  }
  return true
}

/** Rotations, by the upper one of the two neighbouring rows that each turns. */
interface Turns {
  readonly cosines: Float64Array
  readonly sines: Float64Array
}

/**
 * One sweep of QL, with the eigenvalue of the block's first two rows that is nearest to the first as its shift.
 *
 * @param turns receives the rotations, from the last rows up
 * @returns the upper row of the last rotation: the block's first, or one at which the block falls apart
 */
function sweepBlock(
  {
    d,
    e,
    first,
    last,
  }: { readonly d: Float64Array; readonly e: Float64Array; readonly first: number; readonly last: number },
  { cosines, sines }: Turns,
): number {
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
      return i + 1
    }
    sine = f / r
    cosine = g / r
    const h = d[i + 1]! - shift
    const t = (d[i]! - h) * sine + 2 * cosine * b
    shift = sine * t
    d[i + 1] = h + shift
    g = cosine * t - b
    cosines[i] = cosine
    sines[i] = sine
  }
  d[first]! -= shift
  e[first] = g
  e[last] = 0
  return first
}

/** Turns pairs of neighbouring rows, from the lowest up: four at once, as each row is then read and written less often. */
function rotateRows(
  rows: Float64Array,
  n: number,
  { cosines, sines }: Turns,
  last: number,
  end: number,
): void {
  let i = last - 1
  for (; i - 3 >= end; i -= 4) {
    const [c0, c1, c2, c3] = [cosines[i]!, cosines[i - 1]!, cosines[i - 2]!, cosines[i - 3]!]
    const [s0, s1, s2, s3] = [sines[i]!, sines[i - 1]!, sines[i - 2]!, sines[i - 3]!]
    const top = (i - 3) * n
    for (let at = top; at < top + n; at++) {
      let upper = rows[at + 3 * n]!
      let lower = rows[at + 4 * n]!
      rows[at + 4 * n] = s0 * upper + c0 * lower
      lower = c0 * upper - s0 * lower
      upper = rows[at + 2 * n]!
      rows[at + 3 * n] = s1 * upper + c1 * lower
      lower = c1 * upper - s1 * lower
      upper = rows[at + n]!
      rows[at + 2 * n] = s2 * upper + c2 * lower
      lower = c2 * upper - s2 * lower
      upper = rows[at]!
      rows[at + n] = s3 * upper + c3 * lower
      rows[at] = c3 * upper - s3 * lower
    }
  }
  for (; i >= end; i--) {
    const c = cosines[i]!
    const s = sines[i]!
    for (let at = i * n; at < (i + 1) * n; at++) {
      const upper = rows[at]!
      const lower = rows[at + n]!
      rows[at + n] = s * upper + c * lower
      rows[at] = c * upper - s * lower
    }
  }
}
