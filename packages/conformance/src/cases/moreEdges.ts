import type { Case } from '../case.js'
import type { PlainBase, PlainTransformation } from '../plain.js'
import type { Problem, ProblemParameter } from '../problem.js'
import { matrices, mixed, small, table, type Row } from './table.js'

const sgd = { name: 'sgd', momentum: 0.75 }
const adam = { name: 'adam', beta1: 0.75, beta2: 0.875 }
const heavyBall = { name: 'heavyBall', momentum: 0.75 }
const common = { learningRate: 0.25, xi: 0.25, weightDecay: 0.125 }

const of = (
  seed: number,
  transformation: Partial<PlainTransformation>,
  more: Partial<Problem> = {},
): Problem => ({
  transformation: { base: adam, ...common, ...transformation },
  parameters: mixed,
  steps: 5,
  seed,
  ...more,
})

const memory = table('edge/memory', [
  ...(
    [
      ['parameters at an offset', adam],
      ['gradients at an offset', heavyBall],
      ['the parameters themselves', heavyBall],
      ['gradients at an offset', { name: 'lion' }],
      ['the parameters themselves', { name: 'adagrad' }],
    ] as const satisfies readonly (readonly [string, PlainBase])[]
  ).map(([given, base], i): Row => ({
    n: i + 1,
    title: `${given}, under ${base.name}: nothing but the parameters is written`,
    check: 'memory',
    given,
    problem: of(2400 + i, { base }),
  })),
  {
    n: 11,
    title: 'parameters at an offset, where the gradient is clipped and a gradient is missing',
    check: 'memory',
    given: 'parameters at an offset',
    problem: of(2410, { base: sgd, clipNorm: 1 }, { missing: { 2: [1] } }),
  },
  {
    n: 12,
    title: 'parameters that follow one another in one buffer',
    check: 'memory',
    given: 'neighbours in one buffer',
    problem: of(2411, { base: adam }),
  },
])

const double = (p: ProblemParameter): ProblemParameter => ({ ...p, dtype: 'float64' })
const types = table(
  'edge/types',
  [sgd, heavyBall, adam, { name: 'adagrad' }, { name: 'lion' }].map((base, i): Row => ({
    n: i + 1,
    title: `${base.name} over float32 beside float64`,
    check: 'trajectory',
    problem: of(2420 + i, { base }, { parameters: mixed.map((p, j) => (j % 2 === 0 ? p : double(p))) }),
    dtypes: ['float32'],
  })),
)

const named = (names: readonly string[]): ProblemParameter[] =>
  names.map((name, i) => ({ name, shape: [[2, 3], [4], [], [3, 2]][i % 4]! }))
const names = table('edge/names', [
  ...(
    [
      ['names of files and of fields', ['dense/kernel', 'dense.bias', 'a:b', 'c d']],
      ['names that are digits', ['0', '1', '9', '10']],
      ['names that every object has', ['constructor', 'toString', 'hasOwnProperty', 'valueOf']],
      ['names in other scripts', ['θ', '重み', 'poids é', '😀']],
      ['names that are almost the same', ['w', 'W', 'w ', 'w_']],
    ] as const
  ).map(([title, list], i): Row => ({
    n: i + 1,
    title: `${title}, in the scope of each parameter`,
    check: 'trajectory',
    problem: of(2430 + i, { metricScope: 'parameter' }, { parameters: named(list) }),
  })),
  ...(
    [
      ['names of files and of fields', ['dense/kernel', 'dense.bias', 'a:b', 'c d']],
      ['names that are digits', ['0', '1', '9', '10']],
      ['names that every object has', ['constructor', 'toString', 'hasOwnProperty', 'valueOf']],
      ['names in other scripts', ['θ', '重み', 'poids é', '😀']],
    ] as const
  ).map(([title, list], i): Row => ({
    n: i + 11,
    title: `a checkpoint with ${title} continues`,
    check: 'resume',
    after: 3,
    state: true,
    needs: ['checkpoint'],
    problem: of(2440 + i, { metricScope: 'parameter' }, { parameters: named(list) }),
  })),
])

const many = (count: number): ProblemParameter[] =>
  Array.from({ length: count }, (_, i) => ({ name: `p${i}`, shape: [1 + (i % 2)] }))
const sizes = table('edge/size', [
  {
    n: 1,
    title: '300 tensors',
    check: 'trajectory',
    problem: of(2450, {}, { parameters: many(300), steps: 2 }),
  },
  {
    n: 2,
    title: '300 tensors in a scope each',
    check: 'trajectory',
    problem: of(2451, { metricScope: 'parameter', base: sgd }, { parameters: many(300), steps: 2 }),
  },
  {
    n: 3,
    title: '1,100 steps: bias corrections end, and counts go on',
    check: 'trajectory',
    problem: of(
      2452,
      {
        learningRate: { schedule: 'linear', from: 0.125, to: 0.0625, steps: 1050 },
        weightDecay: 0,
        beta: 0.96875,
      },
      { parameters: [{ name: 'p', shape: [2] }], steps: 1100, gradientKind: 'steady' },
    ),
  },
  {
    n: 4,
    title: 'a tensor longer than a block of the engines, after one that is shorter',
    check: 'trajectory',
    problem: of(
      2453,
      { base: sgd },
      {
        parameters: [
          { name: 'p', shape: [5] },
          { name: 'q', shape: [3, 1367] },
        ],
        steps: 2,
      },
    ),
  },
  {
    n: 5,
    title: 'muon over long matrices, tall and wide',
    check: 'trajectory',
    problem: of(
      2454,
      { base: { name: 'muon' } },
      {
        parameters: [
          { name: 'tall', shape: [70, 3] },
          { name: 'wide', shape: [2, 65] },
        ],
        steps: 2,
      },
    ),
  },
])

/** Hyperparameters at their bounds and at their defaults, by base. */
const bounds = table('edge/bounds', [
  ...([1, 2, 7, 8] as const).map((iterations, i): Row => ({
    n: i + 1,
    title: `muon with ${iterations} iterations`,
    check: 'trajectory',
    problem: of(2460 + i, { base: { name: 'muon', iterations } }, { parameters: matrices, steps: 3 }),
  })),
  {
    n: 11,
    title: 'centred rmsprop over a gradient that stands still: nothing is below 0 under the root',
    check: 'trajectory',
    problem: of(
      2470,
      { base: { name: 'rmsprop', decay: 0.5, centered: true, epsilon: 0.25 } },
      { gradientKind: 'flat', gradientScale: 0.7, steps: 40 },
    ),
    dtypes: ['float64'],
  },
  {
    n: 12,
    title: 'rprop over gradients that stand still, vanish and turn',
    check: 'trajectory',
    problem: of(
      2471,
      { base: { name: 'rprop' } },
      {
        gradientKind: 'flat',
        inject: [
          { step: 3, parameter: 0, value: 0 },
          { step: 4, parameter: 1, value: -1 },
          { step: 5, parameter: 1, value: -1 },
        ],
        steps: 7,
      },
    ),
  },
  ...['sgd', 'heavyBall', 'rmsprop', 'adagrad', 'adam', 'lion'].map((name, i): Row => ({
    n: i + 21,
    title: `${name} with nothing given: its defaults under the metric’s defaults`,
    check: 'trajectory',
    problem: {
      transformation: { base: { name }, learningRate: 0.0625 },
      parameters: small,
      steps: 12,
      seed: 2480 + i,
    },
  })),
  {
    n: 31,
    title: 'heavyBall at momentum 0 with Nesterov, which needs none',
    check: 'trajectory',
    problem: of(2490, { base: { name: 'heavyBall', momentum: 0, nesterov: true } }),
  },
  {
    n: 32,
    title: 'adam at β₁ = 0 with Nesterov and the largest second moment',
    check: 'trajectory',
    problem: of(2491, { base: { name: 'adam', beta1: 0, beta2: 0.75, nesterov: true, amsgrad: true } }),
  },
  {
    n: 33,
    title: 'rmsprop at decay 0',
    check: 'trajectory',
    problem: of(2492, { base: { name: 'rmsprop', decay: 0, epsilon: 0.25 } }),
  },
])

const shared = table('property/shared', [
  {
    n: 1,
    title: 'two optimisers of one transformation, over other parameters, step as by themselves',
    check: 'oneTransformation',
    problem: of(2500, { base: adam, learningRate: { schedule: 'linear', from: 0.5, to: 0.125, steps: 4 } }),
    other: of(2501, {}, { parameters: small }),
  },
  {
    n: 2,
    title: 'two optimisers of one muon, over other matrices',
    check: 'oneTransformation',
    problem: of(2502, { base: { name: 'muon' }, fallback: sgd }, { parameters: [...matrices, ...small] }),
    other: of(2503, {}, { parameters: [...small].reverse() }),
  },
])

const living = table(
  'property/living',
  [adam, sgd, { name: 'rmsprop', centered: true, momentum: 0.5 }, { name: 'muon' }].map((base, i): Row => ({
    n: i + 1,
    title: `${base.name}: what a session makes is gone when it is disposed of, and steps leave nothing behind`,
    check: 'living',
    problem: of(
      2510 + i,
      { base, clipNorm: 4, embedding: { name: 'log' } },
      { loss: { first: 2, ratio: 0.75 }, ...(base.name === 'muon' && { parameters: matrices }) },
    ),
    needs: ['clipNorm'],
  })),
)

const mask = table('custom/mask', [
  {
    n: 1,
    title: 'a decayMask that is a function of the parameter',
    check: 'maskFunction',
    names: ['bias', 'filter'],
    needs: ['decayMask'],
    problem: of(2520, { base: { name: 'sgd', momentum: 0.5 }, weightDecay: 0.5 }),
  },
])

const own = { base: { name: 'sgd' }, weightDecay: 0 }
const operations = table('custom/operations', [
  {
    n: 1,
    title:
      'a base of the kit’s own out of min, neg, sign, choices and a slot that hands on what another held',
    check: 'customOperations',
    problem: of(2530, own),
    needs: ['base/custom'],
  },
  {
    n: 2,
    title: 'the same over tensors longer than a block of the engines',
    check: 'customOperations',
    problem: of(2531, own, {
      parameters: [
        { name: 'p', shape: [2503] },
        { name: 'q', shape: [3] },
      ],
      steps: 3,
    }),
    needs: ['base/custom'],
  },
])
const products = table('custom/matrices', [
  {
    n: 1,
    title: 'a base of the kit’s own over matrices, whose products depend on order and sign',
    check: 'customMatrices',
    problem: of(2540, own, { parameters: matrices, steps: 3 }),
    needs: ['base/custom'],
  },
])
const factors = table(
  'custom/factor',
  (['throw', 'skip', 'base', 'zero'] as const).flatMap((policy, i) =>
    [false, true].map((domain, d): Row => ({
      n: 2 * i + d + 1,
      title: `a factor of an own embedding below 0${domain ? ' or outside its domain' : ''} is a bad loss: onBadLoss ${policy}`,
      check: 'factorBelowZero',
      policy,
      domain,
      problem: of(2550 + 2 * i + d, own, { loss: [2, 0.25, 1, 5, 0.5, 4], steps: 6 }),
      needs: ['embedding/custom', 'badLossPolicies'],
    })),
  ),
)

/** More inputs at the edge: memory, types, names, sizes, bounds; and more of users' own. */
export const moreEdgeCases: readonly Case[] = [
  ...memory,
  ...types,
  ...names,
  ...sizes,
  ...bounds,
  ...shared,
  ...living,
  ...mask,
  ...operations,
  ...products,
  ...factors,
]
