import type { Case, RateFreeOptions } from '../case.js'
import type { PlainBase, PlainTransformation } from '../plain.js'
import { furtherVariantsWithoutAverage } from './furtherBases.js'
import { problemOf } from './start.js'
import { matrices, mixed, small, table, type Row } from './table.js'

const averagedModel = true
const grouped = mixed.map((p, i) => ({ ...p, group: i % 2 === 0 ? 'body' : 'head' }))

/** The transformation that `rateFree` returns, written out. */
function recipe(base: PlainBase, options: RateFreeOptions): PlainTransformation {
  const { steps, floor = 0, learningRate = 1, ...others } = options
  const growthRate = steps === undefined ? undefined : Math.max(1.02, 1 + 6 / steps)
  return {
    base,
    learningRate,
    xi: 'rate',
    embedding: { name: 'root', floor },
    averagedModel,
    ...(steps === undefined
      ? { startAxis: { weight: 9 }, averageWeights: 8 }
      : { startAxis: { weight: 10, power: 0.75, steps } }),
    ...(growthRate !== undefined && { growthRate }),
    ...(learningRate < 1 && { risingCap: { growth: others.growthRate ?? growthRate ?? 1.02, to: 1 } }),
    ...others,
  }
}

const bases: readonly PlainBase[] = [
  { name: 'adam' },
  { name: 'sgd', momentum: 0.875 },
  { name: 'heavyBall' },
  { name: 'lion' },
  { name: 'muon', rows: 'outputs' },
]
// With steps, the ids are a hundred higher: until suite 4 that recipe had no growth rate. They are another hundred higher with a rate
// below 1, which was a fixed cap until suite 6.
const free = table('option/rateFree', [
  ...bases.flatMap((base, b): Row[] =>
    [{ steps: 12 }, {}].map((options: RateFreeOptions, i): Row => ({
      n: (i === 0 ? 100 : 0) + 2 * b + i + 1,
      title: `rateFree(${base.name}${i === 0 ? ', { steps }' : ''}) is its recipe, with no number to choose`,
      check: 'rateFree',
      options,
      problem: problemOf(200 + 2 * b + i, recipe(base, options), {
        parameters: base.name === 'muon' ? [...matrices, ...small] : mixed,
        gradientScale: 0.25,
      }),
    })),
  ),
  ...(
    [
      { steps: 12, floor: 1, learningRate: 0.25 },
      { floor: -1, weightDecay: 0.125 },
      { steps: 12, growthRate: 1.5 },
      { steps: 600 },
      { learningRate: 0.0625 },
      { steps: 12, learningRate: 0.0625, growthRate: 1.25 },
      { steps: 12, learningRate: 4 },
    ] as const
  ).map((options: RateFreeOptions, i): Row => ({
    n: [221, 22, 123, 124, 225, 226, 127][i]!,
    title: `rateFree(adam, ${JSON.stringify(options)}) is its recipe with those options`,
    check: 'rateFree',
    options,
    problem: problemOf(221 + i, recipe({ name: 'adam' }, options), { gradientScale: 0.25 }),
  })),
])

const everything: readonly (readonly [title: string, transformation: Partial<PlainTransformation>])[] = [
  ['xi: rate', { weightDecay: 0.125 }],
  [
    'xi: { perRate }, decayScaling and root with a floor',
    {
      xi: { perRate: 2 },
      decayScaling: 'rate',
      weightDecay: 0.125,
      embedding: { name: 'root', floor: 1 },
    },
  ],
  ['a floor that follows', { embedding: { name: 'root', floor: 'follow' } }],
  ['a floor that follows down to a bound', { embedding: { name: 'log', floor: { follow: -1 } } }],
  [
    'averagedModel, startAxis and averageWeights',
    {
      averagedModel,
      startAxis: { weight: 9, power: 0.5, steps: 12 },
      averageWeights: 4,
    },
  ],
  ['muon with its rows', { base: { name: 'muon', rows: 'inputs' } }],
  [
    'a group with options of this kind',
    {
      xi: 0.5,
      embedding: { name: 'identity' },
      groups: {
        head: { xi: { perRate: 2 }, embedding: { name: 'root', floor: 'follow' }, averageWeights: 2 },
      },
    },
  ],
  [
    'a group with what is the default where nothing is inherited',
    {
      weightDecay: 0.5,
      decayScaling: 'rate',
      averagedModel,
      groups: { head: { decayScaling: 'step', averagedModel: false } },
    },
  ],
  ['a growth rate, and a group with its own', { growthRate: 1.25, groups: { head: { growthRate: 1 } } }],
  [
    'a cap that rises, and a group with its own',
    { risingCap: {}, groups: { head: { risingCap: { growth: 1.5, to: 2 } } } },
  ],
]
const data = table(
  'option/json',
  everything.map(([title, transformation], i): Row => ({
    n: i + 1,
    title: `written as JSON and read again it is the same: ${title}`,
    check: 'roundTrip',
    problem: problemOf(300 + i, transformation, {
      parameters: transformation.base?.name === 'muon' ? matrices : grouped,
    }),
  })),
)

const refusals = table('error/averagedModel', [
  {
    n: 1,
    title: 'averagedModel over rmsprop with momentum, which gives no average, is ERR_NOT_SUPPORTED',
    check: 'refused',
    base: 'given',
    problem: problemOf(401, { averagedModel, base: { name: 'rmsprop', momentum: 0.5 } }),
  },
  {
    n: 2,
    title: 'averagedModel over a base of one’s own that gives no average is ERR_NOT_SUPPORTED',
    check: 'refused',
    base: 'own',
    problem: problemOf(402, { averagedModel }),
    needs: ['base/custom'],
  },
  ...furtherVariantsWithoutAverage.map((base, i): Row => ({
    n: 101 + i,
    title: `averagedModel over ${base.name}, which gives no average, is ERR_NOT_SUPPORTED`,
    check: 'refused',
    base: 'given',
    problem: problemOf(501 + i, { averagedModel, base }),
  })),
])

/** `rateFree`: the data it returns, and the inputs it refuses. */
export const rateFreeCases: readonly Case[] = [...free, ...data, ...refusals]
