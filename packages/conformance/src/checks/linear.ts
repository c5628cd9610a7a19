/** Solves A x = b by elimination with pivoting; A is n × n and row-major; both are overwritten. */
export function solve(a: Float64Array, b: Float64Array): Float64Array {
  const n = b.length
  for (let k = 0; k < n; k++) {
    let pivot = k
    for (let i = k + 1; i < n; i++) if (Math.abs(a[i * n + k]!) > Math.abs(a[pivot * n + k]!)) pivot = i
    for (let j = 0; j < n; j++) {
      const held = a[k * n + j]!
      a[k * n + j] = a[pivot * n + j]!
      a[pivot * n + j] = held
    }
    const held = b[k]!
    b[k] = b[pivot]!
    b[pivot] = held
    for (let i = k + 1; i < n; i++) {
      const by = a[i * n + k]! / a[k * n + k]!
      for (let j = k; j < n; j++) a[i * n + j] = a[i * n + j]! - by * a[k * n + j]!
      b[i] = b[i]! - by * b[k]!
    }
  }
  for (let k = n - 1; k >= 0; k--) {
    for (let j = k + 1; j < n; j++) b[k] = b[k]! - a[k * n + j]! * b[j]!
    b[k] = b[k]! / a[k * n + k]!
  }
  return b
}

/** The singular values of a matrix, by one-sided Jacobi rotations of its columns (of its rows if they are fewer). */
export function singularValues(matrix: ArrayLike<number>, rows: number, columns: number): number[] {
  const wide = columns > rows
  const [count, length] = wide ? [rows, columns] : [columns, rows]
  const vectors = Array.from({ length: count }, (_, i) =>
    Float64Array.from({ length }, (_, j) => matrix[wide ? i * columns + j : j * columns + i]!),
  )
  const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, x, i) => sum + x * b[i]!, 0)
  for (let sweep = 0; sweep < 60; sweep++) {
    let rotated = false
    for (let p = 0; p < count; p++) {
      for (let q = p + 1; q < count; q++) {
        const [u, v] = [vectors[p]!, vectors[q]!]
        const [uu, vv, uv] = [dot(u, u), dot(v, v), dot(u, v)]
        if (Math.abs(uv) <= 1e-15 * Math.sqrt(uu * vv)) continue
        rotated = true
        const zeta = (vv - uu) / (2 * uv)
        const t = (zeta < 0 ? -1 : 1) / (Math.abs(zeta) + Math.sqrt(1 + zeta * zeta))
        const cos = 1 / Math.sqrt(1 + t * t)
        for (let i = 0; i < length; i++) {
          const [x, y] = [u[i]!, v[i]!]
          u[i] = cos * x - cos * t * y
          v[i] = cos * t * x + cos * y
        }
      }
    }
    if (!rotated) break
  }
  return vectors.map((v) => Math.sqrt(dot(v, v)))
}
