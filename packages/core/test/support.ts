import { expect } from 'vitest'
import {
  createOptimizer,
  InducedMetricError,
  type ErrorCode,
  type Optimizer,
  type Transformation,
  type TypedArray,
} from '@induced-metric/core'

/** The error that a call throws. The test fails when it throws nothing, or anything but the library's own error. */
export function thrownBy(call: () => unknown): InducedMetricError {
  try {
    call()
  } catch (error) {
    if (error instanceof InducedMetricError) return error
    throw error
  }
  throw new Error('expected an InducedMetricError, but nothing was thrown')
}

/** Expects a call to throw with the code, its message to contain each of the words. */
export function expectError(call: () => unknown, code: ErrorCode, ...words: readonly string[]): void {
  const error = thrownBy(call)
  expect(error.code).toBe(code)
  expect(error.message.startsWith(`${code}: `)).toBe(true)
  for (const word of words) expect(error.message).toContain(word)
}

/** Numbers that look random and are the same in every run: a linear congruential generator, in (−1, 1). */
function pseudoRandom(seed: number): () => number {
  let state = (seed * 2654435761) >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 31 - 1
  }
}

export type Dtype = 'float32' | 'float64'

/** An array of the element type. */
export function arrayOf(dtype: Dtype, values: Iterable<number>): TypedArray {
  return dtype === 'float32' ? Float32Array.from(values) : Float64Array.from(values)
}

/** `length` pseudo-random numbers. */
export function randomArray(dtype: Dtype, length: number, seed: number): TypedArray {
  const next = pseudoRandom(seed)
  return arrayOf(
    dtype,
    Array.from({ length }, () => next()),
  )
}

/** The bytes of an array, as text that compares bit by bit (NaN and −0 included). */
export function bits(array: TypedArray): string {
  return Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString('hex')
}

/** All that a step may change, bit by bit. */
export function stateBits(optimizer: Optimizer): unknown {
  const { step, units, parameters } = optimizer.save()
  return {
    step,
    units,
    counts: parameters.map(({ steps }) => steps),
    slots: optimizer.slots.map((slots) => Object.entries(slots).map(([name, data]) => [name, bits(data)])),
    parameters: optimizer.parameters.map(({ data }) => bits(data)),
  }
}

export interface Tensor {
  readonly name: string
  readonly shape: readonly number[]
  readonly group?: string
}

/** An optimiser over pseudo-random tensors, on the reference engine unless told otherwise. */
export function optimizerOver(
  transformation: Transformation,
  tensors: readonly Tensor[],
  {
    dtype = 'float64',
    seed = 1,
    engine = 'reference',
  }: { dtype?: Dtype; seed?: number; engine?: 'reference' | 'auto' } = {},
): Optimizer {
  const parameters = tensors.map((tensor, i) => ({
    ...tensor,
    data: randomArray(dtype, size(tensor), seed * 100 + i),
  }))
  return createOptimizer(transformation, parameters, { engine })
}

/** Pseudo-random gradients for an optimiser's parameters at a step. */
export function gradientsOf(optimizer: Optimizer, step: number, scale = 1): TypedArray[] {
  return optimizer.parameters.map(({ data }, i) => {
    const dtype = data instanceof Float32Array ? 'float32' : 'float64'
    return randomArray(dtype, data.length, 7919 * step + i).map((x) => x * scale)
  })
}

function size({ shape }: Tensor): number {
  return shape.reduce((product, extent) => product * extent, 1)
}
