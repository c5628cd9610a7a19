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

/** Applies the reflection I − vvᵀ to rows of a matrix, of which it changes as many numbers as v has. */
export function reflectRows(a: Float64Array, rows: Rows, v: Float64Array): void {
  const { start, width, count } = rows
  const products = new Float64Array(count)
  multiplyRows(v, a, rows, products)
  for (let row = 0; row < count; row++) {
    const first = start + row * width
    const product = products[row]!
    for (let i = 0; i < v.length; i++) a[first + i]! -= product * v[i]!
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
