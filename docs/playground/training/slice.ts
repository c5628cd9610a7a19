/** The plane through the end of a training that holds most of its way: the first two principal axes of the iterates. */
export interface Plane {
  readonly origin: Float64Array
  readonly axes: readonly [Float64Array, Float64Array]
  /** The iterates in the plane, two numbers each. */
  readonly path: Float64Array
}

const dot = (a: Float64Array, b: Float64Array): number => {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!
  return sum
}

/** The leading eigenvector of a symmetric matrix, by the power method. */
function leading(matrix: readonly Float64Array[]): { value: number; vector: Float64Array } {
  let vector = Float64Array.from(matrix, (_, i) => Math.cos(i + 1))
  let value = 0
  for (let turn = 0; turn < 200; turn++) {
    const next = Float64Array.from(matrix, (row) => dot(row, vector))
    value = Math.sqrt(dot(next, next))
    if (!(value > 0)) break
    vector = next.map((x) => x / value)
  }
  return { value, vector }
}

/**
 * The principal axes of iterates, relative to the last one (H. Li et al., arXiv:1712.09913, §7), from the matrix of their inner
 * products, which is small however many weights there are.
 *
 * @param iterates two at least, of the same length
 */
export function principalPlane(iterates: readonly Float64Array[]): Plane {
  const origin = iterates.at(-1)!
  const moves = iterates.map((iterate) => iterate.map((x, i) => x - origin[i]!))
  const products = moves.map((a) => Float64Array.from(moves, (b) => dot(a, b)))
  const axisOf = (vector: Float64Array): Float64Array => {
    const axis = new Float64Array(origin.length)
    moves.forEach((move, k) => move.forEach((x, i) => (axis[i]! += vector[k]! * x)))
    const size = Math.sqrt(dot(axis, axis))
    return size > 0 ? axis.map((x) => x / size) : axis
  }
  const first = leading(products)
  const rest = products.map((row, i) =>
    row.map((x, j) => x - first.value * first.vector[i]! * first.vector[j]!),
  )
  const axes = [axisOf(first.vector), axisOf(leading(rest).vector)] as const
  const path = new Float64Array(2 * moves.length)
  moves.forEach((move, k) => {
    path[2 * k] = dot(move, axes[0])
    path[2 * k + 1] = dot(move, axes[1])
  })
  return { origin, axes, path }
}

/** The part of a plane that holds a path, with a margin: `[left, bottom, right, top]`. */
export function viewOf(path: Float64Array): readonly [number, number, number, number] {
  let [left, bottom, right, top] = [0, 0, 0, 0]
  for (let i = 0; i < path.length; i += 2) {
    left = Math.min(left, path[i]!)
    right = Math.max(right, path[i]!)
    bottom = Math.min(bottom, path[i + 1]!)
    top = Math.max(top, path[i + 1]!)
  }
  const margin = 0.2 * Math.max(right - left, top - bottom, 1e-6)
  return [left - margin, bottom - margin, right + margin, top + margin]
}
