import { fileURLToPath } from 'node:url'
import type { NamedTensor } from '../src/proto/tensorData.js'

/**
 * The folder of other projects' artifacts, with the results that the training build computes on them. They are not
 * part of this repository: tests that need them run if they are beside it, or where this variable says.
 */
export const sharedFolder =
  process.env['ONNX_ARTIFACTS'] ?? fileURLToPath(new URL('../../../../shared/onnx', import.meta.url))

/** An input by the formulas in the oracles. */
export function oracleInput(
  name: string,
  type: string,
  size: number,
  classes: number,
): Float32Array | BigInt64Array {
  if (type === 'int64') return BigInt64Array.from({ length: size }, (_, i) => BigInt((i * 7 + 3) % classes))
  const k = name === 'target' ? 1.7 : 0.37
  return Float32Array.from({ length: size }, (_, i) => Math.sin(i * k) * Math.cos(i * 0.013))
}

/** The weights of the set without a checkpoint, made as its oracle says. */
export function simplenetParameters(): NamedTensor[] {
  const shapes: [string, number[], number, number][] = [
    ['fc1.weight', [500, 784], 11, 1 / 28],
    ['fc1.bias', [500], 12, 1 / 28],
    ['fc2.weight', [10, 500], 13, 0.0447],
    ['fc2.bias', [10], 14, 0.0447],
  ]
  return shapes.map(([name, dims, seed, scale]) => {
    let state = seed
    const data = Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return (state / 2 ** 32 - 0.5) * 2 * scale
    })
    return { name, dims, dataType: 1, data }
  })
}
