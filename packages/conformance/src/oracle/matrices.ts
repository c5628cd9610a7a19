/** A matrix in plain loops, row by row. */
export interface Matrix {
  readonly rows: number
  readonly columns: number
  readonly data: Float64Array
}

/** A matrix whose elements follow from their places. */
export function matrix(rows: number, columns: number, at: (i: number, j: number) => number): Matrix {
  const data = new Float64Array(rows * columns)
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) data[i * columns + j] = at(i, j)
  return { rows, columns, data }
}

/** An element. */
export function element({ columns, data }: Matrix, i: number, j: number): number {
  return data[i * columns + j]!
}

/** aᵀ */
export function transposed(a: Matrix): Matrix {
  return matrix(a.columns, a.rows, (i, j) => element(a, j, i))
}

/** The product of matrices, from the left. */
export function product(first: Matrix, ...others: readonly Matrix[]): Matrix {
  return others.reduce(
    (a, b) =>
      matrix(a.rows, b.columns, (i, j) => {
        let sum = 0
        for (let k = 0; k < a.columns; k++) sum += element(a, i, k) * element(b, k, j)
        return sum
      }),
    first,
  )
}

/** The eigenvalues of a symmetric matrix and its eigenvectors, as columns, by Jacobi's rotations; in no order. */
export function eigen(symmetric: Matrix): { values: Float64Array; vectors: Matrix } {
  const n = symmetric.rows
  const a = matrix(n, n, (i, j) => (element(symmetric, i, j) + element(symmetric, j, i)) / 2).data
  const v = matrix(n, n, (i, j) => (i === j ? 1 : 0)).data
  const rotate = (m: Float64Array, i: number, j: number, c: number, s: number): void => {
    const [x, y] = [m[i]!, m[j]!]
    m[i] = c * x - s * y
    m[j] = s * x + c * y
  }
  for (let sweep = 0; sweep < 60; sweep++) {
    let moved = false
    for (let p = 0; p < n; p++) {
      for (let q = p + 1; q < n; q++) {
        const off = a[p * n + q]!
        if (Math.abs(off) <= 1e-300) continue
        const theta = (a[q * n + q]! - a[p * n + p]!) / (2 * off)
        const t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.hypot(theta, 1))
        if (Math.abs(t) < 1e-18) continue
        moved = true
        const c = 1 / Math.hypot(t, 1)
        for (let k = 0; k < n; k++) rotate(a, k * n + p, k * n + q, c, t * c)
        for (let k = 0; k < n; k++) rotate(a, p * n + k, q * n + k, c, t * c)
        for (let k = 0; k < n; k++) rotate(v, k * n + p, k * n + q, c, t * c)
      }
    }
    if (!moved) break
  }
  return {
    values: Float64Array.from({ length: n }, (_, i) => a[i * n + i]!),
    vectors: { ...symmetric, data: v },
  }
}

/** V f(Λ) Vᵀ of a symmetric matrix VΛVᵀ. */
export function symmetricFunction(symmetric: Matrix, f: (value: number) => number): Matrix {
  const { values, vectors } = eigen(symmetric)
  const scaled = matrix(vectors.rows, vectors.columns, (i, j) => element(vectors, i, j) * f(values[j]!))
  return product(scaled, transposed(vectors))
}

/** The columns in an order. */
export function ordered(a: Matrix, order: readonly number[]): Matrix {
  return matrix(a.rows, a.columns, (i, j) => element(a, i, order[j]!))
}

/** The places of numbers from the largest to the smallest. */
export function descending(values: ArrayLike<number>): number[] {
  return Array.from(values, (_, i) => i).sort((i, j) => values[j]! - values[i]!)
}

/** The orthogonal factor of a square matrix, by Gram and Schmidt, three times for its rounding. */
export function orthogonal(square: Matrix): Matrix {
  const n = square.rows
  const columns: Float64Array[] = []
  for (let j = 0; j < n; j++) {
    let column = Float64Array.from({ length: n }, (_, i) => element(square, i, j))
    for (let round = 0; round < 3; round++) {
      for (const done of columns) {
        const along = column.reduce((sum, x, i) => sum + x * done[i]!, 0)
        column = column.map((x, i) => x - along * done[i]!)
      }
      const length = Math.hypot(...column)
      column = column.map((x) => x / length)
    }
    columns.push(column)
  }
  return matrix(n, n, (i, j) => columns[j]![i]!)
}
