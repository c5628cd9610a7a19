import type { Numbers } from './network.js'

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
  let at = 0
  if (isFirst) {
    for (let row = 0; row < rows; row++) {
      const delta = deltas[row]! * factor
      biases[row] = delta
      for (let column = 0; column < columns; column++) weights[at++] = delta * inputs[column]!
    }
  } else {
    for (let row = 0; row < rows; row++) {
      const delta = deltas[row]! * factor
      biases[row]! += delta
      for (let column = 0; column < columns; column++) weights[at++]! += delta * inputs[column]!
    }
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
