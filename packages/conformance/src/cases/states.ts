import type { Case } from '../case.js'
import type { PlainBase, PlainSchedule, PlainTransformation } from '../plain.js'
import type { Problem } from '../problem.js'
import { goldenCheckpoints } from './goldenCheckpoints.js'
import { matrices, mixed, small, table, type Row } from './table.js'

const needs = ['checkpoint'] as const
const grouped = mixed.map((p, i) => ({ ...p, group: i % 2 === 0 ? 'body' : 'head' }))

const of = (
  seed: number,
  transformation: Partial<PlainTransformation>,
  more: Partial<Problem> = {},
): Problem => ({
  transformation: {
    base: { name: 'adam', beta1: 0.75, beta2: 0.875 },
    learningRate: 0.25,
    xi: 0.25,
    ...transformation,
  },
  parameters: mixed,
  steps: 6,
  seed,
  loss: { first: 2, ratio: 0.75 },
  ...more,
})

/** Bases whose state differs: in slots, in their number, and in what they start from. */
const bases: readonly PlainBase[] = [
  { name: 'sgd', momentum: 0.75 },
  { name: 'heavyBall', momentum: 0.75, dampening: 0.25 },
  { name: 'rmsprop', decay: 0.75, centered: true, momentum: 0.5 },
  { name: 'adagrad', initialAccumulator: 0.25 },
  { name: 'adam', beta1: 0.75, beta2: 0.875, amsgrad: true },
  { name: 'muon' },
]
const parametersOf = ({ name }: PlainBase) => (name === 'muon' ? { parameters: [...matrices, ...small] } : {})

const all: Partial<PlainTransformation> = {
  learningRate: { schedule: 'linear', from: 0.125, to: 0.0625, steps: 6 },
  xi: 'rate',
  embedding: { name: 'root', floor: 'follow' },
  averagedModel: true,
  startAxis: { weight: 9 },
  averageWeights: 2,
  metricScope: 'group',
  groups: { head: { beta: 0.5 } },
}

const used = table('checkpoint/used', [
  ...bases.map((base, i): Row => ({
    n: i + 1,
    title: `${base.name}: loaded into an optimiser that has taken other steps, it continues as in a new one`,
    check: 'usedCheckpoint',
    after: 3,
    needs,
    problem: of(2600 + i, { base }, parametersOf(base)),
  })),
  {
    n: 11,
    title: 'everything that a state can hold replaces what a used optimiser holds',
    check: 'usedCheckpoint',
    after: 3,
    needs,
    problem: of(2610, all, { parameters: grouped, loss: { first: 12, ratio: 0.875 } }),
  },
  {
    n: 12,
    title: 'a state from before the first step takes a used optimiser back',
    check: 'usedCheckpoint',
    after: 0,
    needs,
    problem: of(2611, { embedding: { name: 'log' } }),
  },
])

const bytes = table(
  'checkpoint/bytes',
  bases.map((base, i): Row => ({
    n: i + 1,
    title: `${base.name}: saved bytes stay as they are, and loaded bytes may be overwritten`,
    check: 'checkpointBytes',
    after: 3,
    needs,
    problem: of(2620 + i, { base }, parametersOf(base)),
  })),
)

const permuted = table('checkpoint/order', [
  ...bases.map((base, i): Row => ({
    n: i + 1,
    title: `${base.name}: a checkpoint in another order of parameters and slots continues by name`,
    check: 'permutedCheckpoint',
    after: 3,
    needs,
    problem: of(2640 + i, { base }, parametersOf(base)),
  })),
  {
    n: 11,
    title: 'a checkpoint of groups with bases of their own, in another order, continues by name',
    check: 'permutedCheckpoint',
    after: 3,
    needs,
    problem: of(
      2650,
      { groups: { head: { base: { name: 'sgd', momentum: 0.5 } } } },
      { parameters: grouped },
    ),
  },
])

const falling = (from: number): PlainSchedule => ({ schedule: 'linear', from, to: 0.125, steps: 5 })
const rates = table('checkpoint/rate', [
  {
    n: 1,
    title: 'a state holds a learning rate that was set while training ran',
    check: 'fixedRate',
    after: 3,
    rate: 0.0625,
    needs,
    problem: of(2680, { weightDecay: 0.125 }),
  },
  {
    n: 2,
    title: 'a learning rate in a state, above the peak to which ξ is tied',
    check: 'fixedRate',
    after: 2,
    rate: 0.5,
    needs,
    problem: of(2681, { xi: 'rate', embedding: { name: 'root' } }),
  },
  {
    n: 3,
    title: 'a learning rate in a state, below the peak to which ξ is tied',
    check: 'fixedRate',
    after: 2,
    rate: 0.0625,
    needs,
    problem: of(2682, { xi: { perRate: 2 }, embedding: { name: 'root' } }),
  },
  {
    n: 4,
    title: 'a learning rate in a state leaves alone the group that has its own',
    check: 'fixedRate',
    after: 3,
    rate: 0.5,
    needs,
    problem: of(
      2683,
      { groups: { head: { learningRate: 0.125 }, body: { beta: 0.5 } } },
      { parameters: grouped },
    ),
  },
  {
    n: 5,
    title: 'a learning rate of 0 in a state',
    check: 'fixedRate',
    after: 1,
    rate: 0,
    needs,
    problem: of(2684, { embedding: { name: 'log' } }),
  },
  {
    n: 6,
    title:
      'a learning rate in a state replaces a schedule, in groups with the same schedule and in no others',
    check: 'fixedRate',
    after: 3,
    rate: 0.375,
    needs,
    problem: of(
      2685,
      {
        learningRate: falling(0.5),
        groups: { head: { learningRate: falling(0.5), beta: 0.5 }, body: { learningRate: falling(0.25) } },
      },
      { parameters: grouped },
    ),
  },
])

const golden = table(
  'checkpoint/golden',
  goldenCheckpoints.map(({ title, problem, after, dtype, bytes: text }, i): Row => ({
    n: i + 1,
    title: `a file of this release continues, and is written again alike: ${title}`,
    check: 'goldenCheckpoint',
    problem,
    after,
    bytes: text,
    needs,
    dtypes: [dtype],
  })),
)

/** States: into used optimisers, as bytes of the caller, in another order, and files that are kept. */
export const stateCases: readonly Case[] = [...used, ...bytes, ...permuted, ...rates, ...golden]
