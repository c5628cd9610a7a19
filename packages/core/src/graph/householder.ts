/** Numbers that are read by index. */
export type Numbers = Readonly<ArrayLike<number>>

/**
 * The products of a vector with rows of a matrix: four at once, as a sum on its own waits for each of its additions.
 *
 * @param a rows that begin `width` numbers apart, the first at `start`
 * @param count the number of rows
 * @param out receives the products
 */
export function multiplyRows(
  x: Float64Array,
  a: Float64Array,
  { start, width, count }: Rows,
  out: Float64Array,
): void {
  let row = 0
  for (; row + 4 <= count; row += 4) {
    const first = start + row * width
    let [t0, t1, t2, t3] = [0, 0, 0, 0]
    for (let i = 0; i < x.length; i++) {
      const value = x[i]!
      const at = first + i
      t0 += value * a[at]!
      t1 += value * a[at + width]!
      t2 += value * a[at + 2 * width]!
      t3 += value * a[at + 3 * width]!
    }
    out[row] = t0
    out[row + 1] = t1
    out[row + 2] = t2
    out[row + 3] = t3
  }
  for (; row < count; row++) {
    const first = start + row * width
    let total = 0
    for (let i = 0; i < x.length; i++) total += x[i]! * a[first + i]!
    out[row] = total
  }
}

/** Rows of a matrix: the place of the first, the distance from one to the next, and their number. */
interface Rows {
  readonly start: number
  readonly width: number
  readonly count: number
}

/** The most reflections that {@link reflectRows} takes at once. */
export const reflectionsAtOnce = 4

/**
 * Applies reflections I − vvᵀ to rows of a matrix, of which it changes as many numbers as a v has. It reads and writes each row
 * once for all of them.
 *
 * @param vectors v of each reflection, the first one first: at most {@link reflectionsAtOnce}, of equal length. Zeros change nothing
 */
export function reflectRows(a: Float64Array, rows: Rows, vectors: readonly Float64Array[]): void {
  const { start, width, count } = rows
  const [v0] = vectors
  if (v0 === undefined) return
  const none = vectors.length < reflectionsAtOnce ? new Float64Array(v0.length) : v0
  const [, v1 = none, v2 = none, v3 = none] = vectors
  const [v01, v02, v03] = [dot(v0, v1), dot(v0, v2), dot(v0, v3)]
  const [v12, v13, v23] = [dot(v1, v2), dot(v1, v3), dot(v2, v3)]
  const { length } = v0
  for (let row = 0; row < count; row++) {
    const first = start + row * width
    let [t0, t1, t2, t3] = [0, 0, 0, 0]
    for (let i = 0; i < length; i++) {
      const value = a[first + i]!
      t0 += value * v0[i]!
      t1 += value * v1[i]!
      t2 += value * v2[i]!
      t3 += value * v3[i]!
    }
    // The products with a row that the reflections before have changed.
    t1 -= t0 * v01
    t2 -= t0 * v02 + t1 * v12
    t3 -= t0 * v03 + t1 * v13 + t2 * v23
    for (let i = 0; i < length; i++) {
      a[first + i]! -= t0 * v0[i]! + t1 * v1[i]! + t2 * v2[i]! + t3 * v3[i]!
    }
  }
}

/** The product of two vectors. */
export function dot(x: Float64Array, y: Float64Array): number {
  let total = 0
  for (let i = 0; i < x.length; i++) total += x[i]! * y[i]!
  return total
}

/**
 * A vector v with vᵀv = 2, for which I − vvᵀ takes x to α·e, e being the unit vector at `index`; and α. `undefined` where
 * x is such a vector already.
 */
export function reflectorOf(
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

/** The n × n identity. */
export function identityMatrix(n: number): Float64Array {
  const result = new Float64Array(n * n)
  for (let i = 0; i < n; i++) result[i * n + i] = 1
  return result
}
