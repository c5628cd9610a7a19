import type { Numbers } from './network.js'

/** Inputs from which on it is worth looking for zeros among them. */
const sparseColumns = 64

/** The places of inputs that are not zero. */
let places = new Int32Array(64)

/**
 * The gradient of a layer from its deltas and its inputs: `factor` · δxᵀ for the weights, `factor` · δ for the biases.
 *
 * @param isFirst whether it is written, or added to what is there
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
  if (columns < sparseColumns) {
    let at = 0
    for (let row = 0; row < rows; row++) {
      const delta = deltas[row]! * factor
      biases[row] = isFirst ? delta : biases[row]! + delta
      for (let column = 0; column < columns; column++, at++) {
        const product = delta * inputs[column]!
        weights[at] = isFirst ? product : weights[at]! + product
      }
    }
    return
  }
  for (let row = 0; row < rows; row++) {
    const delta = deltas[row]! * factor
    biases[row] = isFirst ? delta : biases[row]! + delta
  }
  // Pictures are mostly empty. What is not finite in a delta is noticed in the biases, whatever its inputs.
  const count = findPlaces(inputs, columns)
  if (2 * count < columns) {
    if (isFirst) weights.fill(0)
    addAtPlaces(weights, deltas, inputs, factor, rows, columns, count)
    return
  }
  let at = 0
  if (isFirst) {
    for (let row = 0; row < rows; row++) {
      const delta = deltas[row]! * factor
      for (let column = 0; column < columns; column++) weights[at++] = delta * inputs[column]!
    }
  } else {
    for (let row = 0; row < rows; row++) {
      const delta = deltas[row]! * factor
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

function addAtPlaces(
  weights: Float32Array,
  deltas: Numbers,
  inputs: Numbers,
  factor: number,
  rows: number,
  columns: number,
  count: number,
): void {
  for (let row = 0; row < rows; row++) {
    const delta = deltas[row]! * factor
    const start = row * columns
    for (let i = 0; i < count; i++) weights[start + places[i]!]! += delta * inputs[places[i]!]!
  }
}

/** ½ Σ x² */
export function halfSquares(values: Numbers): number {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += values[i]! * values[i]!
  return sum / 2
}

/** Σ `factor` · x of rows into one array, written or added. */
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
