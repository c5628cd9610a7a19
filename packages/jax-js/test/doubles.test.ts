import { defaultDevice, jit, numpy as np } from '@jax-js/jax'
import { afterEach, describe, expect, test } from 'vitest'
import { readDoubles, writeDoubles } from '../src/doubles.js'
import { readSingles, writeSingles } from '../src/singles.js'
import { createTracedBackend, doubles, singles } from '../src/traced.js'

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

describe.each(['wasm', 'cpu'] as const)('in single precision on %s', (device) => {
  const largest = 2 ** 128 - 2 ** 104
  const copied = (values: readonly number[]): number[] => {
    defaultDevice(device)
    const copy = jit((words: np.Array) => writeSingles(readSingles(words)))
    return [...new Float64Array(wordsIn(copy(np.array(wordsOf(values)))).buffer)]
  }

  test('the numbers of a state are rounded to the nearest, and otherwise as they were', () => {
    const values = [
      0,
      -0,
      1,
      3,
      0.1,
      -1 / 3,
      16777215,
      2 ** -126,
      -1.7e-38,
      largest,
      1 - 2 ** -25,
      1 + 2 ** -23,
    ]
    const rounded = copied(values)
    expect(rounded).toEqual(values.map(Math.fround))
    expect(copied(rounded)).toEqual(rounded)
  })

  test('what is beyond them is the largest, what is below them is 0', () => {
    const given = [1e39, -1e300, Infinity, 2 ** 128 - 1, 1e-39, -1e-300]
    expect(copied(given)).toEqual([largest, -largest, largest, largest, 0, -0])
  })
})

test.each([0.9, 0.999, 0.999999, 0.5, 0, 1])('1 minus a power of %d keeps the digits of float32', (base) => {
  const rest = jit((n: np.Array) => {
    const traced = createTracedBackend(singles)
    const { sub, pow } = traced.lowering
    return sub(traced.scalar(1), pow(traced.scalar(base), n))
  })
  for (const n of [0, 1, 2, 7, 1000, 123456, 2 ** 24 - 1]) {
    const expected = -Math.expm1(n * Math.log(base)) || 0
    expect(Math.abs(rest(np.array(n)).item() - expected)).toBeLessThanOrEqual(3e-7 * expected)
  }
  // Exponents that are no counts are not worth more.
  expect(rest(np.array(2.5)).item()).toBeCloseTo(1 - base ** 2.5, 5)
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
      const traced = createTracedBackend(doubles)
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
  const power = jit((a: np.Array, b: np.Array) => createTracedBackend(doubles).lowering.pow(a, b))
  const inDouble = (value: number) => np.array(value, { dtype: np.float64 })
  expect(power(inDouble(1.5), inDouble(2.5)).item()).toBeCloseTo(1.5 ** 2.5, 12)
  expect(power(inDouble(0.25), inDouble(-3)).item()).toBeCloseTo(64, 10)
})
