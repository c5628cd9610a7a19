import { defaultDevice, jit, numpy as np } from '@jax-js/jax'
import { afterEach, describe, expect, test } from 'vitest'
import { readDoubles, writeDoubles } from '../src/doubles.js'
import { createTracedBackend } from '../src/traced.js'

afterEach(() => void defaultDevice('wasm'))

const wordsOf = (values: readonly number[]): Uint32Array => new Uint32Array(Float64Array.from(values).buffer)
const wordsIn = (array: np.Array): Uint32Array => Uint32Array.from(array.dataSync() as Uint32Array)

describe.each(['wasm', 'cpu'] as const)('on %s', (device) => {
  const { MAX_VALUE, EPSILON, MAX_SAFE_INTEGER } = Number
  const smallest = 2 ** -1022
  const values = [0, 1, 2, 3, 0.1, -1 / 3, 123456789, MAX_SAFE_INTEGER, 1 - EPSILON / 2, 1 + EPSILON]
  values.push(1e-40, -1e-300, 1e300, MAX_VALUE, -MAX_VALUE, smallest, 2 ** -1000, 2 ** 1000)

  test('doubles are read and written bit for bit', () => {
    defaultDevice(device)
    const copy = jit((words: np.Array) => writeDoubles(readDoubles(words)))
    expect(wordsIn(copy(np.array(wordsOf(values))))).toEqual(wordsOf(values))
  })

  test('what is beyond them is the largest, what is below them is 0', () => {
    defaultDevice(device)
    const double = (value: number) => np.array(value, { dtype: np.float64 })
    const write = jit((...given: np.Array[]) => writeDoubles(np.stack(given)))
    const written = write(double(Infinity), double(-Infinity), double(smallest / 4))
    expect(wordsIn(written)).toEqual(wordsOf([MAX_VALUE, -MAX_VALUE, 0]))
  })
})

test.each([
  [0.999, 100],
  [0.9, 1],
  [0.999, 123456],
  [0.5, -3],
  [0, 4],
  [2, 0],
  [4, 2.5],
])('%d to the power of %d is exact where jax-js is off by 1e-3', (base, exponent) => {
  const power = (which: 'base' | 'exponent') =>
    jit((given: np.Array) => {
      const traced = createTracedBackend()
      const { pow } = traced.lowering
      return which === 'base' ? pow(given, traced.scalar(exponent)) : pow(traced.scalar(base), given)
    })
  const at = (value: number) => np.array(value, { dtype: np.float64 })
  const expected = base ** exponent
  // The exponential of jax-js, which a fraction needs, is as precise as float32.
  const tolerance = Number.isInteger(exponent) ? 1e-13 : 1e-6
  const error = (result: number): number => Math.abs(result - expected)
  expect(error(power('exponent')(at(exponent)).item())).toBeLessThanOrEqual(tolerance * expected)
  expect(error(power('base')(at(base)).item())).toBeLessThanOrEqual(1e-11 * expected)
})

test('computes a power of two values of the trace', () => {
  const power = jit((a: np.Array, b: np.Array) => createTracedBackend().lowering.pow(a, b))
  const inDouble = (value: number) => np.array(value, { dtype: np.float64 })
  expect(power(inDouble(1.5), inDouble(2.5)).item()).toBeCloseTo(1.5 ** 2.5, 12)
  expect(power(inDouble(0.25), inDouble(-3)).item()).toBeCloseTo(64, 10)
})
