import type { ElementwiseOp } from '../../graph/algebra.js'
import type { TypedArray } from '../../dtype.js'

/**
 * One loop per operation, `out[i] = a[ao + i] ∘ b[bo + i]`. Storing into a Float32Array rounds to single precision,
 * and for these operations rounding a double result to single is the single-precision result: so every elementwise
 * operation has the arithmetic of its array's type.
 */
export type Kernel = (
  out: TypedArray,
  n: number,
  a: TypedArray,
  ao: number,
  b: TypedArray,
  bo: number,
) => void

/** The loops, by operation. Unary ones do not read b. */
export const kernels: Readonly<Record<ElementwiseOp, Kernel>> = {
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
