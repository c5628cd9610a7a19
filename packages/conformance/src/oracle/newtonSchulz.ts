/**
 * The orthogonalisation of Muon in plain loops: X ← aX + (bA + cA²)X with A = XXᵀ, from X = G/(‖G‖ + 1e-7), worked on
 * the side with fewer rows. The coefficients and the start are those of Keller Jordan's Muon.
 */
export function newtonSchulz(
  matrix: Float64Array,
  rows: number,
  columns: number,
  iterations: number,
): Float64Array {
  const [a, b, c] = [3.4445, -4.775, 2.0315] as const
  const tall = rows > columns
  const p = tall ? columns : rows
  const q = tall ? rows : columns
  let norm = 0
  for (const value of matrix) norm += value * value
  norm = Math.sqrt(norm) + 1e-7

  let x = new Float64Array(p * q)
  for (let i = 0; i < p; i++) {
    for (let j = 0; j < q; j++)
      x[i * q + j] = (tall ? matrix[j * columns + i]! : matrix[i * columns + j]!) / norm
  }
  for (let round = 0; round < iterations; round++) {
    const square = new Float64Array(p * p)
    for (let i = 0; i < p; i++) {
      for (let j = 0; j < p; j++) {
        let sum = 0
        for (let k = 0; k < q; k++) sum += x[i * q + k]! * x[j * q + k]!
        square[i * p + j] = sum
      }
    }
    const polynomial = new Float64Array(p * p)
    for (let i = 0; i < p; i++) {
      for (let j = 0; j < p; j++) {
        let sum = 0
        for (let k = 0; k < p; k++) sum += square[i * p + k]! * square[k * p + j]!
        polynomial[i * p + j] = b * square[i * p + j]! + c * sum
      }
    }
    const next = new Float64Array(p * q)
    for (let i = 0; i < p; i++) {
      for (let j = 0; j < q; j++) {
        let sum = 0
        for (let k = 0; k < p; k++) sum += polynomial[i * p + k]! * x[k * q + j]!
        next[i * q + j] = a * x[i * q + j]! + sum
      }
    }
    x = next
  }
  const result = new Float64Array(rows * columns)
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) result[i * columns + j] = tall ? x[j * q + i]! : x[i * q + j]!
  }
  return result
}
