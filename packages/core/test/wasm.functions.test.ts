import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  algebra,
  definePreconditioner,
  inducedMetric,
  type Expr,
  type PreconditionerInput,
  type TypedArray,
} from '@induced-metric/core'
import { planStep } from '@induced-metric/core/adapter'
import { createArena } from '../src/engines/wasm/arena.js'
import { instantiateStep } from '../src/engines/wasm/instantiateStep.js'
import { createMemory } from '../src/engines/wasm/memory.js'
import { arrayOf, type Dtype } from './support.js'

// Compares the functions of vectors in compiled loops with `Math`, special values included.

const { atan2, exp, greater, log, max, min, pow, select } = algebra

type Build = (x: Expr, y: Expr, given: PreconditionerInput) => Expr

/** The values of a function on pairs of numbers, by the compiled loops. `scale` is a scalar that it may read. */
function evaluate(
  dtype: Dtype,
  build: Build,
  xs: readonly number[],
  ys: readonly number[],
  scale = 1,
): TypedArray {
  const base = definePreconditioner({
    name: 'function-of-two',
    update: (given) => ({
      direction: given.gradient,
      parameter: build(given.parameter, given.gradient, given),
      slots: {},
    }),
  })
  const plan = planStep(inducedMetric(base(), { learningRate: 1 }), [{ name: 'x', shape: [xs.length] }])
  const memory = createMemory()
  const arena = createArena(memory)
  const kernels = instantiateStep(plan.parameters[0]!.graph, dtype, memory, arena)
  const store = (values: readonly number[]): number => {
    const array = arrayOf(dtype, values)
    const address = arena.allocate(array.byteLength)
    new Uint8Array(memory.buffer as ArrayBuffer, address, array.byteLength).set(new Uint8Array(array.buffer))
    return address
  }
  const output = store(xs.map(() => 0))
  const tensor = { size: xs.length, rows: 1, columns: 1, inputs: [store(ys), store(xs)], outputs: [output] }
  const scalars = [{ learningRate: 1, scale, step: 1, weightDecay: 0 }]
  kernels.prepare([tensor])
  kernels.reduce([tensor], scalars, [new Float64Array(1)])
  kernels.update([tensor], scalars, [])
  const view = dtype === 'float32' ? Float32Array : Float64Array
  return new view(memory.buffer as ArrayBuffer, output, xs.length).slice()
}

const ordinary = [0, -0, 1, -1, 2, -2, 3, -3, 0.5, -0.5, 1 / 3, 709.78, -745, 88.7, -103.9, 1023.5]
const extreme = [
  Infinity,
  -Infinity,
  NaN,
  1e-300,
  1e300,
  1e-323,
  -5e-324,
  1e-40,
  -1e-40,
  1e38,
  -3e38,
  2 ** 53,
]
const specials = [...ordinary, ...extreme]
const pairs = specials.flatMap((x) => specials.map((y) => [x, y] as const))

/** Numbers of all sizes. */
const numbers = fc.oneof(
  fc.double({ min: -4, max: 4, noNaN: true }),
  fc.double({ noNaN: true }),
  fc
    .tuple(fc.constantFrom(1, -1), fc.double({ min: -80, max: 80, noNaN: true }))
    .map(([s, e]) => s * Math.exp(e)),
)

interface Case {
  readonly build: Build
  readonly ofMath: (x: number, y: number) => number
  /** The relative error of float64, for a value of so much. */
  readonly error?: (value: number) => number
}

const logOf = (value: number): number => Math.abs(Math.log(Math.abs(value)))

const cases: Readonly<Record<string, Case>> = {
  exp: { build: (x) => exp(x), ofMath: (x) => Math.exp(x) },
  log: { build: (x) => log(x), ofMath: (x) => Math.log(x) },
  // The error of the logarithm is multiplied by the power's own.
  pow: {
    build: (x, y) => pow(x, y),
    ofMath: (x, y) => Math.pow(x, y),
    error: (value) => 4e-16 * (1 + logOf(value)),
  },
  'pow ½': { build: (x) => pow(x, 1 / 2), ofMath: (x) => Math.pow(x, 1 / 2) },
  // 1/3 is not quite a third, which Math.pow takes into account.
  'pow ⅓': {
    build: (x) => pow(x, 1 / 3),
    ofMath: (x) => Math.pow(x, 1 / 3),
    error: (value) => 1e-15 + 6e-17 * logOf(value),
  },
  atan2: { build: (x, y) => atan2(x, y), ofMath: (x, y) => Math.atan2(x, y) },
  greater: { build: (x, y) => greater(x, y), ofMath: (x, y) => (x > y ? 1 : 0) },
  'select, with NaN in the branch not taken': {
    build: (x, y) => select(y, x, log(y)),
    ofMath: (x, y) => (y > 0 ? x : Math.log(y)),
  },
}

function check(
  dtype: Dtype,
  { build, ofMath, error = () => 1e-15 }: Case,
  given: readonly (readonly [number, number])[],
): void {
  const [xs, ys] = [0, 1].map((i) =>
    arrayOf(
      dtype,
      given.map((pair) => pair[i as 0 | 1]),
    ),
  ) as [TypedArray, TypedArray]
  const found = evaluate(dtype, build, [...xs], [...ys])
  const largest = dtype === 'float32' ? (2 - 2 ** -23) * 2 ** 127 : Number.MAX_VALUE
  const smallest = dtype === 'float32' ? 2 ** -149 : 2 ** -1074
  const wrong: unknown[] = []
  found.forEach((value, i) => {
    const exact = ofMath(xs[i]!, ys[i]!)
    const wanted = arrayOf(dtype, [exact])[0]!
    if (Object.is(value, wanted)) return
    const tolerated = dtype === 'float32' ? 2.4e-7 : error(exact)
    const off = Math.abs(value - wanted)
    // Rounding may decide whether the largest numbers overflow.
    const atLeast = largest * (1 - error(largest))
    const overflows = Math.min(Math.abs(value), Math.abs(wanted)) >= atLeast && value * wanted > 0
    const isClose = overflows || off <= tolerated * Math.abs(wanted) + 2 * smallest
    if (!isClose || (wanted === 0 && Math.sign(value) === 0))
      wrong.push({ x: xs[i], y: ys[i], value, wanted })
  })
  expect(wrong).toEqual([])
}

describe.each(['float32', 'float64'] as const)('functions of vectors, %s', (dtype) => {
  it.each(Object.entries(cases))('%s of special values', (_, each) => {
    check(dtype, each, pairs)
  })

  it.each(Object.entries(cases))('%s of random values', (_, each) => {
    const lists = fc.array(fc.tuple(numbers, numbers), { minLength: 200, maxLength: 200 })
    fc.assert(
      fc.property(lists, (list) => {
        check(dtype, each, list)
      }),
      { numRuns: 20 },
    )
  })

  it('the larger and the smaller one of a tensor and a scalar, bit for bit', () => {
    for (const scale of [0, -0, 1, -1, 1e-3, Infinity, -Infinity, NaN]) {
      const [bound] = arrayOf(dtype, [scale])
      const xs = arrayOf(dtype, specials)
      const larger = evaluate(dtype, (x, _, given) => max(x, given.scale), specials, specials, scale)
      expect([...larger]).toEqual([...xs].map((x) => Math.max(x, bound!)))
      const smaller = evaluate(dtype, (x, _, given) => min(given.scale, x), specials, specials, scale)
      expect([...smaller]).toEqual([...xs].map((x) => Math.min(x, bound!)))
      if (Number.isNaN(scale)) continue
      expect([...evaluate(dtype, (x) => max(x, scale), specials, specials)]).toEqual([...larger])
      expect([...evaluate(dtype, (x) => min(x, scale), specials, specials)]).toEqual([...smaller])
    }
  })
})
