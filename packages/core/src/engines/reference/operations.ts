import type { TypedArray } from '../../dtype.js'
import type { ElementwiseOp, ReductionOp } from '../../graph/algebra.js'

/**
 * A loop of one operation, `out[i] = a[ao + i] ∘ b[bo + i]`. Storing into a Float32Array rounds to single precision. For
 * sums, products, quotients and roots a double result, rounded to single, is the single-precision result. So these
 * operations have the arithmetic of their array's type; powers, exponentials and the like are computed in double and
 * rounded once.
 */
export type ElementwiseLoop = (
  out: TypedArray,
  n: number,
  a: TypedArray,
  ao: number,
  b: TypedArray,
  bo: number,
  c: TypedArray,
  co: number,
) => void

/** The loops, by operation. Those of unary operations read neither b nor c, and only `select` reads c. */
export const elementwiseLoops: Readonly<Record<ElementwiseOp, ElementwiseLoop>> = {
  add(out, n, a, ao, b, bo) {
    for (let i = 0; i < n; i++) out[i] = a[ao + i]! + b[bo + i]!
  },
  sub(out, n, a, ao, b, bo) {
    for (let i = 0; i < n; i++) out[i] = a[ao + i]! - b[bo + i]!
  },
  mul(out, n, a, ao, b, bo) {
    for (let i = 0; i < n; i++) out[i] = a[ao + i]! * b[bo + i]!
  },
  div(out, n, a, ao, b, bo) {
    for (let i = 0; i < n; i++) out[i] = a[ao + i]! / b[bo + i]!
  },
  max(out, n, a, ao, b, bo) {
    for (let i = 0; i < n; i++) out[i] = Math.max(a[ao + i]!, b[bo + i]!)
  },
  min(out, n, a, ao, b, bo) {
    for (let i = 0; i < n; i++) out[i] = Math.min(a[ao + i]!, b[bo + i]!)
  },
  sqrt(out, n, a, ao) {
    for (let i = 0; i < n; i++) out[i] = Math.sqrt(a[ao + i]!)
  },
  square(out, n, a, ao) {
    for (let i = 0; i < n; i++) out[i] = a[ao + i]! * a[ao + i]!
  },
  abs(out, n, a, ao) {
    for (let i = 0; i < n; i++) out[i] = Math.abs(a[ao + i]!)
  },
  neg(out, n, a, ao) {
    for (let i = 0; i < n; i++) out[i] = -a[ao + i]!
  },
  sign(out, n, a, ao) {
    for (let i = 0; i < n; i++) out[i] = Math.sign(a[ao + i]!)
  },
  pow(out, n, a, ao, b, bo) {
    for (let i = 0; i < n; i++) out[i] = Math.pow(a[ao + i]!, b[bo + i]!)
  },
  exp(out, n, a, ao) {
    for (let i = 0; i < n; i++) out[i] = Math.exp(a[ao + i]!)
  },
  log(out, n, a, ao) {
    for (let i = 0; i < n; i++) out[i] = Math.log(a[ao + i]!)
  },
  atan2(out, n, a, ao, b, bo) {
    for (let i = 0; i < n; i++) out[i] = Math.atan2(a[ao + i]!, b[bo + i]!)
  },
  greater(out, n, a, ao, b, bo) {
    for (let i = 0; i < n; i++) out[i] = a[ao + i]! > b[bo + i]! ? 1 : 0
  },
  select(out, n, a, ao, b, bo, c, co) {
    for (let i = 0; i < n; i++) out[i] = a[ao + i]! > 0 ? b[bo + i]! : c[co + i]!
  },
}

/** Σ a[ao + i], accumulated in double precision. */
export function sumOf(n: number, a: TypedArray, ao: number): number {
  let total = 0
  for (let i = 0; i < n; i++) total += a[ao + i]!
  return total
}

/** out (p × r) = a (p × q) · b (q × r), row-major; each row accumulated in double precision. */
export function matmul(out: TypedArray, a: TypedArray, b: TypedArray, p: number, q: number, r: number): void {
  const row = new Float64Array(r)
  for (let i = 0; i < p; i++) {
    row.fill(0)
    for (let k = 0; k < q; k++) {
      const x = a[i * q + k]!
      for (let j = 0; j < r; j++) row[j]! += x * b[k * r + j]!
    }
    out.set(row, i * r)
  }
}

/** out (q × p) = aᵀ for a (p × q), row-major. */
export function transpose(out: TypedArray, a: TypedArray, p: number, q: number): void {
  for (let i = 0; i < p; i++) {
    for (let j = 0; j < q; j++) out[j * p + i] = a[i * q + j]!
  }
}

/** Reductions of the rows or columns of a row-major matrix of p rows and q columns. Sums accumulate in double precision. */
export const vectorReductions: Readonly<
  Record<Exclude<ReductionOp, 'sum'>, (out: TypedArray, a: TypedArray, p: number, q: number) => void>
> = {
  rowSums(out, a, p, q) {
    for (let i = 0; i < p; i++) out[i] = sumOf(q, a, i * q)
  },
  columnSums(out, a, p, q) {
    const totals = new Float64Array(q)
    for (let i = 0; i < p; i++) for (let j = 0; j < q; j++) totals[j]! += a[i * q + j]!
    out.set(totals)
  },
  rowMax(out, a, p, q) {
    out.fill(-Infinity, 0, p)
    for (let i = 0; i < p; i++) for (let j = 0; j < q; j++) out[i] = Math.max(out[i]!, a[i * q + j]!)
  },
  columnMax(out, a, p, q) {
    out.fill(-Infinity, 0, q)
    for (let i = 0; i < p; i++) for (let j = 0; j < q; j++) out[j] = Math.max(out[j]!, a[i * q + j]!)
  },
}

/** Spreads a vector over a matrix of p rows and q columns: each element over a row, or over a column. */
export function spreadVector(out: TypedArray, a: TypedArray, overRows: boolean, p: number, q: number): void {
  for (let i = 0; i < p; i++) {
    for (let j = 0; j < q; j++) out[i * q + j] = a[overRows ? i : j]!
  }
}

/** The identity matrix of n rows. */
export function identity(out: TypedArray, n: number): void {
  out.fill(0, 0, n * n)
  for (let i = 0; i < n; i++) out[i * n + i] = 1
}
