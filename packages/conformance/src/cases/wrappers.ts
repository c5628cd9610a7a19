import type { Case, Outcome } from '../case.js'
import type { PlainTransformation } from '../plain.js'
import type { Problem } from '../problem.js'
import { matrices, mixed, table, type Row } from './table.js'

const adam = { name: 'adam', beta1: 0.75, beta2: 0.875 } as const
const grouped = mixed.map((p, i) => ({ ...p, group: i % 2 === 0 ? 'body' : 'head' }))

function of(seed: number, options: Partial<PlainTransformation>, more: Partial<Problem> = {}): Problem {
  return {
    transformation: {
      base: { name: 'sgd', momentum: 0.75 },
      learningRate: 0.125,
      xi: 0.25,
      embedding: { name: 'log' },
      ...options,
    },
    parameters: mixed,
    steps: 8,
    seed,
    loss: { first: 4, ratio: 0.875 },
    ...more,
  }
}

function run(n: number, title: string, problem: Problem, outcomes?: Readonly<Record<number, Outcome>>): Row {
  return { n, title, check: 'trajectory', problem, ...(outcomes && { outcomes }) }
}

const accumulate = table('option/accumulate', [
  run(
    1,
    'three calls make one update of the mean gradient, with the mean loss',
    of(2001, { accumulate: 3 }, { steps: 12 }),
  ),
  run(2, 'accumulation under adam with decay', of(2002, { accumulate: 2, base: adam, weightDecay: 0.25 })),
  run(
    3,
    'a parameter without a gradient in some calls counts as 0 there, and without any it is left alone',
    of(2003, { accumulate: 2 }, { steps: 10, missing: { 1: [0], 3: [1, 2], 4: [1], 6: [3] } }),
  ),
  run(
    4,
    'a schedule counts updates, not calls',
    of(2004, { accumulate: 2, learningRate: { schedule: 'linear', from: 0.25, to: 0, steps: 5 } }),
  ),
  run(5, 'the norm that is limited is that of the mean', of(2005, { accumulate: 2, clipNorm: 1 })),
  run(
    6,
    'accumulation with averaged weights, an averaged model and units of their own',
    of(2006, {
      accumulate: 2,
      averageWeights: 2,
      averagedModel: true,
      embedding: { name: 'root', floor: 'follow' },
      metricScope: 'parameter',
    }),
  ),
  run(
    7,
    'accumulation where no loss is read',
    of(2007, { accumulate: 4, embedding: { name: 'identity' } }, { loss: [], steps: 9 }),
  ),
  run(
    8,
    'accumulation under muon',
    of(
      2008,
      { accumulate: 2, base: { name: 'muon' }, fallback: adam },
      { parameters: [...matrices, ...mixed] },
    ),
  ),
])

const clipping = table('option/clipValue', [
  run(1, 'elements larger than the value are set to it, with their sign', of(2011, { clipValue: 0.5 })),
  run(2, 's and the averages are of the clipped elements', of(2012, { clipValue: 0.75, base: adam })),
  run(3, 'a value above every element changes nothing', of(2013, { clipValue: 1024 })),
  run(4, 'the value is limited before the norm', of(2014, { clipValue: 0.5, clipNorm: 1 })),
  run(
    5,
    'a group has a value of its own',
    of(2015, { clipValue: 1, groups: { head: { clipValue: 0.25 } } }, { parameters: grouped }),
  ),
  run(
    6,
    'an infinite element is not clipped: the step is skipped',
    of(2016, { clipValue: 0.5 }, { inject: [{ step: 3, parameter: 0, element: 1, value: 'Infinity' }] }),
    { 3: 'skipped' },
  ),
  run(
    7,
    'the same at ξ = 0',
    of(
      2017,
      { clipValue: 0.5, xi: 0, embedding: { name: 'identity' } },
      {
        inject: [{ step: 2, parameter: 1, element: 0, value: '-Infinity' }],
      },
    ),
    { 2: 'skipped' },
  ),
])

const perParameter = { norm: 0.75, per: 'parameter' } as const
const clippingNorms = table('option/clipNorm', [
  run(101, 'each parameter’s norm is limited by itself', of(2021, { clipNorm: perParameter })),
  run(
    102,
    'the same for adam and a parameter without a gradient',
    of(2022, { clipNorm: perParameter, base: adam }, { missing: { 2: [1] } }),
  ),
  run(103, 'the same at ξ = 0', of(2023, { clipNorm: perParameter, xi: 0, embedding: { name: 'identity' } })),
  run(
    104,
    'the same in the scope of each parameter',
    of(2024, { clipNorm: perParameter, metricScope: 'parameter' }),
  ),
])

const adaptive = table('option/adaptiveClip', [
  run(
    1,
    'the gradient of each output is limited to a share of its weights',
    of(2031, { adaptiveClip: { factor: 0.25, rows: 'outputs' } }),
  ),
  run(
    2,
    'the same for weights of inputs × outputs',
    of(2032, { adaptiveClip: { factor: 0.25, rows: 'inputs' } }),
  ),
  run(3, 'the same for adam', of(2033, { adaptiveClip: { factor: 0.125, rows: 'outputs' }, base: adam })),
  run(
    4,
    'weights near 0 count as ε',
    of(
      2034,
      { adaptiveClip: { factor: 0.25, epsilon: 0.5, rows: 'outputs' } },
      { parameters: mixed.map((p) => ({ ...p, fill: 0 })) },
    ),
  ),
  run(
    5,
    'a gradient of 0 stays 0',
    of(2035, { adaptiveClip: { factor: 0.25, rows: 'outputs' } }, { gradientKind: 'zero' }),
  ),
  run(
    6,
    'it comes after the value and before the norm',
    of(2036, { clipValue: 1, adaptiveClip: { factor: 0.25, rows: 'inputs' }, clipNorm: 0.5 }),
  ),
  run(
    7,
    'adaptive clipping under muon',
    of(
      2037,
      { adaptiveClip: { factor: 0.25, rows: 'outputs' }, base: { name: 'muon' }, fallback: adam },
      { parameters: [...matrices, ...mixed] },
    ),
  ),
])

const averages = table('option/averageWeights', [
  run(
    101,
    'the exponential average of the weights, from those after the first step',
    of(2041, { averageWeights: { ema: 0.75 } }),
  ),
  run(
    102,
    'the same for adam, by each parameter’s own steps',
    of(2042, { averageWeights: { ema: 0.875 }, base: adam }, { missing: { 1: [1], 3: [0] } }),
  ),
  run(103, 'a decay of 0 keeps the weights themselves', of(2043, { averageWeights: { ema: 0 } })),
  run(111, 'the plain mean of the weights after every step', of(2051, { averageWeights: { swa: {} } })),
  run(
    112,
    'the plain mean of the weights after every third step from the second',
    of(2052, { averageWeights: { swa: { start: 2, every: 3 } } }, { steps: 12 }),
  ),
  run(
    113,
    'before the first step that counts, it is the weights',
    of(2053, { averageWeights: { swa: { start: 7 } }, base: adam }),
  ),
  run(
    114,
    'groups with averages of different kinds',
    of(
      2054,
      { averageWeights: { ema: 0.5 }, groups: { head: { averageWeights: { swa: { start: 3 } } } } },
      { parameters: grouped },
    ),
  ),
])

const lookahead = table('option/lookahead', [
  run(
    1,
    'after every third step the weights are halfway back to the slow ones',
    of(2061, { lookahead: { syncPeriod: 3 } }),
  ),
  run(2, 'lookahead with its defaults, for adam', of(2062, { lookahead: {}, base: adam }, { steps: 12 })),
  run(
    3,
    'slow weights that take the whole step change nothing',
    of(2063, { lookahead: { syncPeriod: 2, slowStepSize: 1 } }),
  ),
  run(
    4,
    'a synchronisation after every step',
    of(2064, { lookahead: { syncPeriod: 1, slowStepSize: 0.25 }, weightDecay: 0.25 }),
  ),
  run(
    5,
    'each parameter counts its own steps',
    of(2065, { lookahead: { syncPeriod: 2 } }, { missing: { 1: [0], 4: [1] } }),
  ),
  run(
    6,
    'the averaged model sees the whole change of the weights',
    of(2066, { lookahead: { syncPeriod: 2 }, averagedModel: true }),
  ),
  run(
    7,
    'an average beside it is of the weights that it leaves',
    of(2067, { lookahead: { syncPeriod: 2 }, averageWeights: { ema: 0.5 } }),
  ),
  run(
    8,
    'lookahead under muon',
    of(
      2068,
      { lookahead: { syncPeriod: 2 }, base: { name: 'muon' }, fallback: adam },
      { parameters: [...matrices, ...mixed] },
    ),
  ),
])

/** What wrappers keep from step to step. */
const kept: readonly (readonly [title: string, options: Partial<PlainTransformation>])[] = [
  ['the sums of gradients in the middle of an update', { accumulate: 3 }],
  ['the exponential average of the weights', { averageWeights: { ema: 0.75 } }],
  ['the mean of some of the weights', { averageWeights: { swa: { start: 2, every: 2 } } }],
  ['the slow weights of lookahead', { lookahead: { syncPeriod: 3 } }],
  ['all of them', { accumulate: 3, averageWeights: { ema: 0.75 }, lookahead: { syncPeriod: 2 }, base: adam }],
]
const needs = ['checkpoint'] as const
const keptProblem = (seed: number, options: Partial<PlainTransformation>): Problem =>
  of(seed, options, { steps: 12, missing: { 2: [1], 5: [0] } })
const resume = table(
  'checkpoint/resume',
  kept.map(([title, options], i): Row => ({
    n: 701 + i,
    title: `a checkpoint holds ${title}: resumed, the run and its state are as if uninterrupted, bit for bit`,
    check: 'resume',
    after: 5,
    state: true,
    needs,
    problem: keptProblem(2071 + i, options),
  })),
)
const handover = table(
  'checkpoint/handover',
  kept.flatMap(([title, options], i): Row[] =>
    (['target', 'reference'] as const).map((from, f) => ({
      n: 701 + 2 * i + f,
      title:
        from === 'target'
          ? `${title}: a checkpoint continues in the core’s reference engine`
          : `${title}: a checkpoint of the core’s reference engine continues here`,
      check: 'handover',
      from,
      after: 5,
      needs,
      problem: keptProblem(2081 + i, options),
    })),
  ),
)
const reset = table(
  'checkpoint/reset',
  kept.map(([title, options], i): Row => ({
    n: 701 + i,
    title: `a reset takes back ${title}`,
    check: 'reset',
    after: 5,
    needs: ['reset'],
    problem: keptProblem(2091 + i, options),
  })),
)
const json = table(
  'option/json',
  (
    [
      ['accumulate', { accumulate: 2 }],
      [
        'the limits of gradients',
        {
          clipValue: 1,
          clipNorm: perParameter,
          adaptiveClip: { factor: 0.25, epsilon: 0.125, rows: 'inputs' },
        },
      ],
      ['an exponential average', { averageWeights: { ema: 0.75 } }],
      ['a mean of some of the weights', { averageWeights: { swa: { start: 2, every: 2 } } }],
      ['lookahead', { lookahead: { syncPeriod: 3, slowStepSize: 0.25 } }],
      [
        'wrappers of a group',
        {
          clipValue: 1,
          groups: { head: { clipValue: 0.5, lookahead: { syncPeriod: 2 }, averageWeights: { ema: 0.5 } } },
        },
      ],
    ] as const satisfies readonly (readonly [string, Partial<PlainTransformation>])[]
  ).map(([title, options], i): Row => ({
    n: 101 + i,
    title: `written as JSON and read again it is the same: ${title}`,
    check: 'roundTrip',
    problem: of(2101 + i, options, { parameters: grouped }),
  })),
)

/** Options that wrap a base: accumulation, limits of gradients, averages of weights, and Lookahead. */
export const wrapperCases: readonly Case[] = [
  ...accumulate,
  ...clipping,
  ...clippingNorms,
  ...adaptive,
  ...averages,
  ...lookahead,
  ...resume,
  ...handover,
  ...reset,
  ...json,
]
