import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  adam,
  constant,
  cosine,
  createOptimizer,
  exponential,
  fromJSON,
  inducedMetric,
  linear,
  log,
  piecewise,
  sgd,
  warmup,
  type BuiltinSchedule,
  type Schedule,
} from '@induced-metric/core'
import { scheduleFromJSON } from '../src/transformation/schedules.js'
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
