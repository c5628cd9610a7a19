import type { Numbers } from '../network.js'

/** The number of inputs from which it is worth looking for zeros among them. */
const sparseColumns = 64

/** The indices of inputs that are not zero. */
let places = new Int32Array(64)

/**
 * Computes the gradient of a layer from its deltas δ and its inputs x: `factor` · δxᵀ for the weights, `factor` · δ for the
 * biases.
 *
 * @param isFirst whether the gradient is written to `weights` and `biases`, or added to them
 */
export function outerProduct(
  weights: Float32Array,
  biases: Float32Array,
  deltas: Numbers,
  inputs: Numbers,
  factor: number,
  isFirst: boolean,
): void {
  const rows = biases.length
  const columns = weights.length / rows
  // Pictures are mostly empty. A delta that is not finite shows in the biases, whatever its inputs.
  const count = columns < sparseColumns ? columns : findPlaces(inputs, columns)
  const isSparse = 2 * count < columns
  if (isSparse && isFirst) weights.fill(0)
  let at = 0
  for (let row = 0; row < rows; row++) {
    const delta = deltas[row]! * factor
    biases[row] = isFirst ? delta : biases[row]! + delta
    if (isSparse) {
      const start = row * columns
      for (let i = 0; i < count; i++) weights[start + places[i]!]! += delta * inputs[places[i]!]!
    } else if (isFirst) {
      for (let column = 0; column < columns; column++) weights[at++] = delta * inputs[column]!
    } else {
      for (let column = 0; column < columns; column++) weights[at++]! += delta * inputs[column]!
    }
  }
}

function findPlaces(inputs: Numbers, columns: number): number {
  if (places.length < columns) places = new Int32Array(columns)
  let count = 0
  for (let column = 0; column < columns; column++) if (inputs[column] !== 0) places[count++] = column
  return count
}

/** Returns ½ Σ x². */
export function halfSquares(values: Numbers): number {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += values[i]! * values[i]!
  return sum / 2
}

/** Writes `factor` · x of rows to one array if `isFirst`; otherwise adds it. */
export function gatherRows(
  to: Float32Array,
  rows: readonly Numbers[],
  factor: number,
  isFirst: boolean,
): void {
  let at = 0
  for (const row of rows) {
    for (let i = 0; i < row.length; i++, at++)
      to[at] = isFirst ? factor * row[i]! : to[at]! + factor * row[i]!
  }
}
