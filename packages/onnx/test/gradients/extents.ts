import fc from 'fast-check'
import { dataType } from '../../src/proto/index.js'
import { drawn, tensor, type Tensor } from './harness.js'

// Extents and tensors for the tests of shape, index and window operators.

/** Extents of small tensors. */
export function shapes(minRank: number, maxRank: number, max = 4): fc.Arbitrary<number[]> {
  return fc.array(fc.integer({ min: 1, max }), { minLength: minRank, maxLength: maxRank })
}

/** As many numbers as there are axes. */
export function perAxis(rank: number, min: number, max: number): fc.Arbitrary<number[]> {
  return fc.array(fc.integer({ min, max }), { minLength: rank, maxLength: rank })
}

/** The extents, with symbols in place of some. */
export function declared(dims: readonly number[], hidden: readonly boolean[]): (number | string)[] {
  return dims.map((extent, axis) => (hidden[axis] === true ? `n${axis}` : extent))
}

/** The axes that are hidden behind symbols: mostly none. */
export function hidings(rank: number): fc.Arbitrary<boolean[]> {
  const drawnOnes = fc.array(fc.boolean(), { minLength: rank, maxLength: rank })
  return fc.oneof({ weight: 2, arbitrary: fc.constant(new Array<boolean>(rank).fill(false)) }, drawnOnes)
}

/** Small whole numbers, in float: neither sums of their products nor finite differences with steps of 1 round. */
export function whole(dims: readonly number[], seed: number, bound = 4): Tensor {
  const { data } = drawn(dims, seed, { low: -bound, high: bound })
  return tensor(dims, Array.from(data as Float64Array, Math.round), dataType.float)
}

/** Numbers of which no two are closer than 4, in float. */
export function distinct(dims: readonly number[], seed: number): Tensor {
  const { data } = drawn(dims, seed)
  const order = Array.from(data as Float64Array, (x, i) => [x, i] as const).sort(([a], [b]) => a - b)
  const values = new Array<number>(data.length)
  order.forEach(([, at], rank) => (values[at] = 4 * rank - 2 * data.length))
  return tensor(dims, values, dataType.float)
}

/** Integers as a constant or a fed tensor. */
export function list(values: readonly number[]): { dims: number[]; type: number; data: readonly number[] } {
  return { dims: [values.length], type: dataType.int64, data: values }
}
