import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  adam,
  constant,
  cosine,
  cosineRestarts,
  createOptimizer,
  exponential,
  fromJSON,
  inducedMetric,
  inverseSqrt,
  linear,
  log,
  oneCycle,
  piecewise,
  sgd,
  warmup,
  warmupStableDecay,
  type BuiltinSchedule,
  type Schedule,
} from '@induced-metric/core'
import { peakOf, scheduleFromJSON } from '../src/transformation/scheduleJSON.js'
import { expectError } from './support.js'

type Point = [step: number, value: number]

describe('values', () => {
  it.each<[what: string, schedule: Schedule, points: Point[]]>([
    [
      'constant',
      constant(0.3),
      [
        [1, 0.3],
        [1e9, 0.3],
      ],
    ],
    [
      'linear down',
      linear({ from: 1, to: 0, steps: 4 }),
      [
        [1, 1],
        [2, 0.75],
        [4, 0.25],
        [5, 0],
        [99, 0],
      ],
    ],
    [
      'linear up',
      linear({ from: 0.5, to: 2.5, steps: 2 }),
      [
        [1, 0.5],
        [2, 1.5],
        [3, 2.5],
        [4, 2.5],
      ],
    ],
    [
      'linear in one step',
      linear({ from: 1, to: 0, steps: 1 }),
      [
        [1, 1],
        [2, 0],
      ],
    ],
    [
      'cosine',
      cosine({ from: 2, steps: 4 }),
      [
        [1, 2],
        [3, 1],
        [5, 0],
        [6, 0],
      ],
    ],
    [
      'cosine to a floor',
      cosine({ from: 2, to: 1, steps: 4 }),
      [
        [1, 2],
        [3, 1.5],
        [5, 1],
        [9, 1],
      ],
    ],
    [
      'exponential',
      exponential({ from: 8, rate: 0.5 }),
      [
        [1, 8],
        [2, 4],
        [4, 1],
      ],
    ],
    [
      'exponential by epochs',
      exponential({ from: 8, rate: 0.25, steps: 10 }),
      [
        [1, 8],
        [6, 4],
        [11, 2],
      ],
    ],
    [
      'piecewise',
      piecewise({ values: [3, 2, 1], boundaries: [2, 5] }),
      [
        [1, 3],
        [2, 3],
        [3, 2],
        [5, 2],
        [6, 1],
        [99, 1],
      ],
    ],
    [
      'piecewise of one',
      piecewise({ values: [3], boundaries: [] }),
      [
        [1, 3],
        [99, 3],
      ],
    ],
    [
      'warmup to a number',
      warmup(0.8, { steps: 4 }),
      [
        [1, 0],
        [2, 0.2],
        [4, 0.6],
        [5, 0.8],
        [9, 0.8],
      ],
    ],
    [
      'warmup from a number',
      warmup(1, { steps: 2, from: 0.5 }),
      [
        [1, 0.5],
        [2, 0.75],
        [3, 1],
      ],
    ],
    [
      'warmup into cosine, which counts its own steps',
      warmup(cosine({ from: 2, steps: 4 }), { steps: 10 }),
      [
        [1, 0],
        [6, 1],
        [11, 2],
        [13, 1],
        [15, 0],
      ],
    ],
    [
      'warmup into a function',
      warmup((step) => 10 * step, { steps: 2 }),
      [
        [1, 0],
        [2, 5],
        [3, 10],
        [4, 20],
      ],
    ],
    [
      'warmup into warmup',
      warmup(warmup(1, { steps: 2, from: 0.5 }), { steps: 2 }),
      [
        [1, 0],
        [2, 0.25],
        [3, 0.5],
        [4, 0.75],
        [5, 1],
      ],
    ],
    [
      'oneCycle, whose peak is at step `warmup` and whose end is at step `steps`',
      oneCycle({ peak: 1, steps: 9, warmup: 5, from: 0.5, to: 0 }),
      [
        [1, 0.5],
        [3, 0.75],
        [5, 1],
        [7, 0.5],
        [9, 0],
        [10, 0],
        [99, 0],
      ],
    ],
    [
      'oneCycle by straight lines',
      oneCycle({ peak: 1, steps: 9, warmup: 5, from: 0, to: 0.5, curve: 'linear' }),
      [
        [2, 0.25],
        [5, 1],
        [6, 0.875],
        [9, 0.5],
      ],
    ],
    [
      'oneCycle by its defaults',
      oneCycle({ peak: 1, steps: 100 }),
      [
        [1, 1 / 25],
        [30, 1],
        [100, 1 / 250_000],
      ],
    ],
    [
      'oneCycle that is all rise',
      oneCycle({ peak: 1, steps: 5, warmup: 5, from: 0, to: 0.25, curve: 'linear' }),
      [
        [4, 0.75],
        [5, 1],
        [6, 0.25],
      ],
    ],
    [
      'oneCycle that is one step',
      oneCycle({ peak: 1, steps: 1 }),
      [
        [1, 1 / 250_000],
        [2, 1 / 250_000],
      ],
    ],
    [
      'warmupStableDecay',
      warmupStableDecay({ peak: 1, warmup: 2, stable: 3, decay: 4, from: 0.5, to: 0.2 }),
      [
        [1, 0.5],
        [2, 0.75],
        [3, 1],
        [6, 1],
        [7, 0.8],
        [9, 0.4],
        [10, 0.2],
        [99, 0.2],
      ],
    ],
    [
      'warmupStableDecay without warm-up, by a root',
      warmupStableDecay({ peak: 1, stable: 0, decay: 16, curve: 'sqrt' }),
      [
        [1, 1],
        [2, 0.75],
        [5, 0.5],
        [17, 0],
      ],
    ],
    [
      'inverseSqrt',
      inverseSqrt({ from: 2, steps: 4 }),
      [
        [1, 2],
        [13, 1],
        [61, 0.5],
      ],
    ],
    [
      'cosineRestarts',
      cosineRestarts({ from: 2, to: 1, steps: 4 }),
      [
        [1, 2],
        [3, 1.5],
        [5, 2],
        [7, 1.5],
        [401, 2],
      ],
    ],
    [
      'cosineRestarts, longer and lower each time',
      cosineRestarts({ from: 3, to: 1, steps: 2, stepsFactor: 3, peakFactor: 0.5 }),
      [
        [1, 3],
        [2, 2],
        [3, 2],
        [6, 1.5],
        [9, 1.5],
        [18, 1.25],
        [27, 1.25],
      ],
    ],
  ])('%s', (_, schedule, points) => {
    for (const [step, value] of points) expect(schedule(step), `step ${step}`).toBeCloseTo(value, 14)
  })

  it('are reached without a jump', () => {
    const schedule = warmup(cosine({ from: 1, steps: 50 }), { steps: 50 })
    for (let step = 2; step <= 110; step++) {
      expect(Math.abs(schedule(step) - schedule(step - 1))).toBeLessThan(0.04)
    }
  })
})

/** Written by scripts/golden/schedules.py. */
const fixture = JSON.parse(readFileSync(new URL('fixtures/schedules.json', import.meta.url), 'utf8')) as {
  readonly schedules: readonly {
    readonly name: string
    readonly schedule: unknown
    readonly rates: readonly number[]
  }[]
}

it.each(fixture.schedules.map((one) => [one.name, one] as const))(
  'the values are those of the library that the documentation names: %s',
  (_, { schedule: data, rates }) => {
    const schedule = scheduleFromJSON(data)
    rates.forEach((rate, i) => {
      // PyTorch's one cycle and restarts round in another order.
      expect(Math.abs(schedule(i + 1) - rate), `step ${i + 1}`).toBeLessThanOrEqual(1e-14)
    })
  },
)

describe('the largest value', () => {
  const sign = fc.constantFrom(-1, 1)
  const value = fc.tuple(sign, fc.integer({ min: 0, max: 8 })).map(([s, n]) => (s * n) / 8 + 0)
  const count = fc.integer({ min: 1, max: 12 })
  const factor = fc.constantFrom(0.5, 1)

  it.each<[string, fc.Arbitrary<BuiltinSchedule>]>([
    [
      'oneCycle',
      fc
        .record({ peak: value, from: value, to: value, steps: count, share: fc.constantFrom(0.25, 0.5, 1) })
        .map(({ share, ...options }) => oneCycle({ ...options, warmup: share * options.steps })),
    ],
    [
      'warmupStableDecay',
      fc
        .record({ peak: value, from: value, to: value, warmup: fc.nat(5), stable: fc.nat(5), decay: count })
        .map((options) => warmupStableDecay(options)),
    ],
    ['inverseSqrt', fc.record({ from: value, steps: count }).map((options) => inverseSqrt(options))],
    [
      'cosineRestarts',
      fc
        .record({ from: value, to: value, steps: count, peakFactor: factor, stepsFactor: count })
        .map((options) => cosineRestarts(options)),
    ],
  ])('of %s is never exceeded', (_, schedules) => {
    fc.assert(
      fc.property(schedules, fc.integer({ min: 1, max: 99 }), (schedule, step) => {
        expect(schedule(step)).toBeLessThanOrEqual(peakOf(schedule)! + 1e-15)
      }),
    )
  })

  it.each<[Schedule, number | undefined]>([
    [oneCycle({ peak: 2, steps: 9 }), 2],
    [oneCycle({ peak: 2, steps: 9, from: 3 }), 3],
    [warmupStableDecay({ peak: 2, stable: 1, decay: 1 }), 2],
    [warmupStableDecay({ peak: 2, stable: 1, decay: 1, to: 4 }), 4],
    [inverseSqrt({ from: 2, steps: 9 }), 2],
    [warmup(inverseSqrt({ from: 2, steps: 9 }), { steps: 9 }), 2],
    [cosineRestarts({ from: 2, steps: 9 }), 2],
    [cosineRestarts({ from: 2, to: 3, steps: 9 }), 3],
    [cosineRestarts({ from: 2, steps: 9, peakFactor: 2 }), undefined],
    [cosineRestarts({ from: 2, to: 2, steps: 9, peakFactor: 2 }), 2],
    [() => 2, undefined],
  ])('is known, or known not to exist: %#', (schedule, peak) => {
    expect(peakOf(schedule)).toBe(peak)
  })
})

describe('schedules of what cannot be negative', () => {
  const small = fc.oneof(
    fc.double({ min: 0, max: 1, noNaN: true }),
    fc.integer({ min: 0, max: 9 }).map((k) => k * Number.MIN_VALUE),
  )
  const one = fc.record({ from: small, to: small, steps: fc.integer({ min: 1, max: 9 }) })

  it.each([
    ['linear', linear],
    ['cosine', cosine],
    ['warmup', ({ from, to, steps }) => warmup(to, { from, steps })],
    ['oneCycle', ({ from, to, steps }) => oneCycle({ peak: from, from: to, to: from, steps })],
    [
      'warmupStableDecay',
      ({ from, to, steps }) => warmupStableDecay({ peak: from, to, stable: 1, decay: steps }),
    ],
    ['inverseSqrt', ({ from, steps }) => inverseSqrt({ from, steps })],
    ['cosineRestarts', (options) => cosineRestarts({ ...options, stepsFactor: 2, peakFactor: 0.7 })],
  ] as [string, (options: { from: number; to: number; steps: number }) => Schedule][])(
    '%s does not fall below 0, down to the smallest numbers there are',
    (_, make) => {
      fc.assert(
        fc.property(one, fc.integer({ min: 1, max: 12 }), (options, step) => {
          expect(make(options)(step)).toBeGreaterThanOrEqual(0)
        }),
        { numRuns: 500 },
      )
    },
  )
})

describe('options', () => {
  it.each<[what: string, make: () => unknown, ...words: string[]]>([
    ['constant: NaN', () => constant(NaN), 'value'],
    ['linear: no to', () => linear({ from: 1, steps: 3 } as never), 'to'],
    ['linear: no steps', () => linear({ from: 1, to: 0, steps: 0 }), 'steps', '> 0'],
    ['linear: text', () => linear({ from: '1', to: 0, steps: 1 } as never), 'from', '"1"'],
    ['cosine: infinite', () => cosine({ from: Infinity, steps: 1 }), 'from'],
    ['cosine: negative steps', () => cosine({ from: 1, steps: -1 }), 'steps'],
    ['exponential: rate 0', () => exponential({ from: 1, rate: 0 }), 'rate', '> 0'],
    ['piecewise: a value too few', () => piecewise({ values: [1], boundaries: [1] }), 'n + 1 values'],
    [
      'piecewise: boundaries fall',
      () => piecewise({ values: [1, 2, 3], boundaries: [5, 5] }),
      'rise',
      '5, 5',
    ],
    ['piecewise: NaN', () => piecewise({ values: [1, NaN], boundaries: [5] }), 'values'],
    ['piecewise: no arrays', () => piecewise({ values: 1, boundaries: 2 } as never), 'piecewise'],
    ['oneCycle: no peak', () => oneCycle({ steps: 9 } as never), 'oneCycle.peak'],
    ['oneCycle: no steps', () => oneCycle({ peak: 1, steps: 0 }), 'oneCycle.steps', '> 0'],
    [
      'oneCycle: a warm-up that is too long',
      () => oneCycle({ peak: 1, steps: 9, warmup: 10 }),
      'at most',
      '10',
    ],
    [
      'oneCycle: a negative warm-up',
      () => oneCycle({ peak: 1, steps: 9, warmup: -1 }),
      'oneCycle.warmup',
      '≥ 0',
    ],
    ['oneCycle: NaN', () => oneCycle({ peak: 1, steps: 9, to: NaN }), 'oneCycle.to'],
    ['oneCycle: a curve', () => oneCycle({ peak: 1, steps: 9, curve: 'sqrt' as never }), 'curve', '"linear"'],
    [
      'warmupStableDecay: no decay',
      () => warmupStableDecay({ peak: 1, stable: 1, decay: 0 }),
      'decay',
      '> 0',
    ],
    [
      'warmupStableDecay: a negative number of steps',
      () => warmupStableDecay({ peak: 1, stable: -1, decay: 1 }),
      'warmupStableDecay.stable',
      '≥ 0',
    ],
    [
      'warmupStableDecay: a curve',
      () => warmupStableDecay({ peak: 1, stable: 1, decay: 1, curve: 'cubic' as never }),
      'curve',
      '"cubic"',
    ],
    ['inverseSqrt: no steps', () => inverseSqrt({ from: 1, steps: 0 }), 'inverseSqrt.steps', '> 0'],
    ['inverseSqrt: text', () => inverseSqrt({ from: '1' as never, steps: 1 }), 'inverseSqrt.from'],
    ['cosineRestarts: no steps', () => cosineRestarts({ from: 1 } as never), 'cosineRestarts.steps'],
    [
      'cosineRestarts: shorter each time',
      () => cosineRestarts({ from: 1, steps: 2, stepsFactor: 0.5 }),
      'stepsFactor',
      '≥ 1',
    ],
    [
      'cosineRestarts: no height',
      () => cosineRestarts({ from: 1, steps: 2, peakFactor: 0 }),
      'peakFactor',
      '> 0',
    ],
    ['warmup: no steps', () => warmup(1, { steps: 0 }), 'steps'],
    ['warmup: to NaN', () => warmup(NaN, { steps: 1 }), 'warmup.then', 'NaN'],
    ['warmup: to text', () => warmup('1' as never, { steps: 1 }), '"1"'],
    [
      'linear: an option it has not',
      () => linear({ from: 1, to: 0, steps: 1, power: 2 } as never),
      '"power"',
    ],
    ['cosine: nothing', () => cosine(undefined as never), 'cosine'],
    ['warmup: nothing', () => warmup(1, undefined as never), 'warmup'],
    ['piecewise: nothing', () => piecewise(undefined as never), 'piecewise'],
  ])('%s is refused', (_, make, ...words) => {
    expectError(make, 'ERR_OPTION', ...words)
  })
})

// JSON has no −0.
const finite = fc.double({ min: -1e6, max: 1e6, noNaN: true }).map((x) => x + 0)
const length = fc.integer({ min: 1, max: 1000 })
const rises = fc.uniqueArray(fc.nat(1000), { maxLength: 4 }).map((list) => list.sort((a, b) => a - b))
const simple: fc.Arbitrary<BuiltinSchedule> = fc.oneof(
  finite.map((value) => constant(value)),
  fc.record({ from: finite, to: finite, steps: length }).map((options) => linear(options)),
  fc.record({ from: finite, to: finite, steps: length }).map((options) => cosine(options)),
  fc
    .record({ from: finite, rate: fc.double({ min: 0.01, max: 2, noNaN: true }), steps: length })
    .map(exponential),
  fc
    .record({
      peak: finite,
      from: finite,
      to: finite,
      steps: length,
      curve: fc.constantFrom('cosine', 'linear'),
    })
    .map(({ curve, ...options }) => oneCycle({ ...options, curve })),
  fc
    .record({ peak: finite, from: finite, to: finite, warmup: length, stable: length, decay: length })
    .map((options) => warmupStableDecay(options)),
  fc.record({ from: finite, steps: length }).map((options) => inverseSqrt(options)),
  fc
    .record({
      from: finite,
      to: finite,
      steps: length,
      stepsFactor: length,
      peakFactor: fc.constantFrom(0.5, 1, 2),
    })
    .map((options) => cosineRestarts(options)),
  rises.chain((boundaries) =>
    fc
      .array(finite, { minLength: boundaries.length + 1, maxLength: boundaries.length + 1 })
      .map((values) => piecewise({ values, boundaries })),
  ),
)
const any = fc.oneof(
  simple,
  fc.tuple(simple, length, finite).map(([then, steps, from]) => warmup(then, { steps, from })),
)

describe('as data', () => {
  it('built-in schedules come back as they were', () => {
    fc.assert(
      fc.property(any, fc.array(fc.integer({ min: 1, max: 3000 }), { maxLength: 20 }), (schedule, steps) => {
        const back = scheduleFromJSON(JSON.parse(JSON.stringify(schedule)))
        expect(back.toJSON()).toEqual(schedule.toJSON())
        for (const step of steps) expect(back(step)).toBe(schedule(step))
      }),
    )
  })

  /* oxlint-disable unicorn/no-thenable -- the data of warmup: no function */
  it.each([
    { schedule: 'cosine', from: 0.1, steps: 10 },
    { schedule: 'exponential', from: 0.1, rate: 0.5 },
    { schedule: 'warmup', then: { schedule: 'constant', value: 1 }, steps: 10 },
    { schedule: 'warmup', then: 1, steps: 10 },
    { schedule: 'oneCycle', peak: 1, steps: 10 },
    { schedule: 'warmupStableDecay', peak: 1, stable: 1, decay: 1 },
    { schedule: 'cosineRestarts', from: 1, steps: 10 },
  ])('may leave out what has a default: %o', (json) => {
    expect(() => scheduleFromJSON(json)).not.toThrow()
  })

  it.each([
    [{ schedule: 'step' }, '"step"'],
    [{ schedule: 'toString' }, '"toString"'],
    [{ schedule: '__proto__' }, '"__proto__"'],
    [{}, 'undefined'],
    [[], 'undefined'],
    [{ schedule: 'linear', from: 0.1 }, 'to'],
    [{ schedule: 'linear', from: 0.1, to: '0', steps: 3 }, 'to'],
    [{ schedule: 'linear', from: 0.1, to: 0, steps: 3, extra: 1 }, '"extra"'],
    [{ schedule: 'constant', value: null }, 'value'],
    [{ schedule: 'warmup', then: { schedule: 'x' }, steps: 1 }, '"x"'],
    [{ schedule: 'warmup', steps: 1 }, 'then'],
    [{ schedule: 'oneCycle', peak: 1, steps: 3, curve: 1 }, 'curve'],
    [{ schedule: 'warmupStableDecay', peak: 1 }, 'warmupStableDecay'],
    [{ schedule: 'inverseSqrt', from: 1, steps: 1, to: 1 }, '"to"'],
    [{ schedule: 'cosineRestarts', from: 1, steps: 1, stepsFactor: null }, 'stepsFactor'],
    [{ schedule: 'piecewise', values: [1, 2], boundaries: {} }, 'piecewise'],
  ])('of another kind are refused: %o', (json, word) => {
    expectError(() => scheduleFromJSON(json), 'ERR_OPTION', word)
    const transformation = { format: 'induced-metric', version: 1, base: { name: 'sgd' }, learningRate: json }
    expectError(() => fromJSON(transformation), 'ERR_OPTION', word)
  })

  /* oxlint-enable unicorn/no-thenable */

  it.each<[where: string, make: () => { toJSON(): unknown }]>([
    ['learningRate', () => inducedMetric(sgd(), { learningRate: () => 1 })],
    ['xi', () => inducedMetric(sgd(), { learningRate: 1, xi: (step) => 1 / step })],
    ['weightDecay', () => inducedMetric(sgd(), { learningRate: 1, weightDecay: () => 0 })],
    ['base.beta1', () => inducedMetric(adam({ beta1: () => 0.5 }), { learningRate: 1 })],
    ['fallback.beta2', () => inducedMetric(sgd(), { learningRate: 1, fallback: adam({ beta2: () => 0 }) })],
    ['embedding.floor', () => inducedMetric(sgd(), { learningRate: 1, embedding: log({ floor: () => 0 }) })],
    ['decayMask', () => inducedMetric(sgd(), { learningRate: 1, decayMask: () => true })],
    [
      'groups.a.learningRate',
      () => inducedMetric(sgd(), { learningRate: 1, groups: { a: { learningRate: () => 1 } } }),
    ],
    ['warmup', () => warmup(() => 1, { steps: 2 })],
  ])("a function of one's own works, but cannot be saved: %s", (where, make) => {
    expectError(() => make().toJSON(), 'ERR_NOT_SUPPORTED', where)
  })
})

it('a schedule is asked for each step once it is taken, from 1; a skipped step asks again', () => {
  const asked: number[] = []
  const learningRate = (step: number): number => {
    asked.push(step)
    return 0.1
  }
  const parameter = { name: 'w', shape: [1], data: new Float64Array([1]) }
  const optimizer = createOptimizer(inducedMetric(sgd(), { learningRate }), [parameter], {
    engine: 'reference',
  })
  asked.length = 0
  optimizer.step([new Float64Array([1])])
  optimizer.step([new Float64Array([NaN])])
  optimizer.step([new Float64Array([1])])
  expect(asked).toEqual([1, 2, 2])
})
