import type { Case, Damage } from '../case.js'
import { damages } from '../mistakes.js'
import type { PlainBase, PlainTransformation } from '../plain.js'
import type { Problem } from '../problem.js'
import { checkpointsOfBases } from './checkpointsOfBases.js'
import { oldCheckpoints } from './oldCheckpoints.js'
import { matrices, mixed, numberOf, small, table, type Row } from './table.js'

const bases: readonly PlainBase[] = [
  { name: 'sgd', momentum: 0.75 },
  { name: 'heavyBall', momentum: 0.75, dampening: 0.25 },
  { name: 'rmsprop', decay: 0.75, centered: true, momentum: 0.5 },
  { name: 'adagrad', initialAccumulator: 0.25 },
  { name: 'adam', beta1: 0.75, beta2: 0.875 },
  { name: 'lion' },
  { name: 'muon' },
]

function of(seed: number, transformation: PlainTransformation, more: Partial<Problem> = {}): Problem {
  return {
    transformation,
    parameters: transformation.base.name === 'muon' ? matrices : mixed,
    steps: 6,
    seed,
    loss: { first: 2, ratio: 0.75 },
    ...more,
  }
}

const needs = ['checkpoint'] as const
const common = { learningRate: 0.25, xi: 0.25, beta: 0.875 }

const resume = table('checkpoint/resume', [
  ...bases.map((base, b): Row => ({
    n: b + 1,
    title: `${base.name}: saved, loaded into a second session and continued equals uninterrupted, bit for bit`,
    check: 'resume',
    after: 3,
    needs,
    problem: of(830 + b, { base, ...common, weightDecay: 0.125 }),
  })),
  {
    n: 11,
    title: 'a checkpoint holds the step count: schedules and bias corrections go on',
    check: 'resume',
    after: 2,
    needs,
    problem: of(840, {
      base: bases[4]!,
      ...common,
      embedding: { name: 'log' },
      learningRate: { schedule: 'linear', from: 0.5, to: 0.0625, steps: 5 },
    }),
  },
  {
    n: 12,
    title: 'a checkpoint holds each parameter’s own step count',
    check: 'resume',
    after: 3,
    needs,
    problem: of(841, { base: bases[4]!, ...common }, { missing: { 1: [0], 2: [0, 1], 5: [2] } }),
  },
  {
    n: 13,
    title: 'a checkpoint holds the average of every group',
    check: 'resume',
    after: 3,
    needs,
    problem: of(
      842,
      { base: bases[0]!, ...common, groups: { head: { beta: 0.5, learningRate: 0.125 } } },
      {
        parameters: mixed.map((p, i) => ({ ...p, group: i % 2 === 0 ? 'body' : 'head' })),
      },
    ),
  },
  {
    n: 14,
    title: 'a checkpoint holds the average of every parameter’s scope',
    check: 'resume',
    after: 3,
    needs,
    problem: of(843, { base: bases[4]!, ...common, metricScope: 'parameter' }),
  },
  {
    n: 15,
    title: 'a checkpoint from before the first step',
    check: 'resume',
    after: 0,
    needs,
    problem: of(844, { base: bases[4]!, ...common }),
  },
])

const reset = table('checkpoint/reset', [
  ...bases.map((base, b): Row => ({
    n: b + 1,
    title: `${base.name}: after a reset it takes the steps of a new optimiser, bit for bit`,
    check: 'reset',
    after: 3,
    needs: ['reset'],
    problem: of(1830 + b, { base, ...common, weightDecay: 0.125 }),
  })),
  {
    n: 11,
    title: 'a reset takes schedules back to step 1, and bias corrections of each parameter',
    check: 'reset',
    after: 4,
    needs: ['reset'],
    problem: of(
      1840,
      {
        base: bases[4]!,
        ...common,
        embedding: { name: 'log' },
        learningRate: { schedule: 'linear', from: 0.5, to: 0.0625, steps: 5 },
      },
      { missing: { 1: [0], 2: [0, 1], 5: [2] } },
    ),
  },
  {
    n: 12,
    title:
      'a reset takes back the averages of every group, of the weights and of the losses, and the count of skipped steps',
    check: 'reset',
    after: 4,
    needs: ['reset'],
    problem: of(
      1841,
      {
        base: bases[0]!,
        ...common,
        xi: 'rate',
        embedding: { name: 'root', floor: 'follow' },
        averagedModel: true,
        startAxis: { weight: 2, power: 0.5 },
        averageWeights: 2,
        metricScope: 'group',
        groups: { head: { beta: 0.5, learningRate: 0.125 } },
      },
      {
        parameters: mixed.map((p, i) => ({ ...p, group: i % 2 === 0 ? 'body' : 'head' })),
        inject: [{ step: 2, parameter: 0, element: 1, value: 'NaN' }],
      },
    ),
  },
  {
    n: 13,
    title: 'a reset before the first step changes nothing',
    check: 'reset',
    after: 0,
    needs: ['reset'],
    problem: of(1842, { base: bases[3]!, ...common }),
  },
])

const handover = table('checkpoint/handover', [
  ...bases.map((base, b): Row => ({
    n: numberOf(base, b + 1),
    title: `${base.name}: a checkpoint continues in the core’s reference engine`,
    check: 'handover',
    from: 'target',
    after: 3,
    needs,
    problem: of(850 + b, { base, ...common, embedding: { name: 'logDamped' } }),
  })),
  ...bases.map((base, b): Row => ({
    n: numberOf(base, b + 11),
    title: `${base.name}: a checkpoint of the core’s reference engine continues here`,
    check: 'handover',
    from: 'reference',
    after: 3,
    needs,
    problem: of(860 + b, { base, ...common, embedding: { name: 'log' } }),
  })),
])

/** The state of a unit besides the average of s, and the averages of the weights. */
const kept: readonly (readonly [title: string, transformation: Partial<PlainTransformation>])[] = [
  ['ξ tied to a schedule', { learningRate: { schedule: 'linear', from: 0.125, to: 0, steps: 8 } }],
  ['the averages of the losses under a floor that follows', { embedding: { name: 'root', floor: 'follow' } }],
  ['the averages of the averaged model', { averagedModel: true, weightDecay: 0.125 }],
  ['the first loss, where there is a start axis', { startAxis: { weight: 9, steps: 12 } }],
  ['the averages of the weights', { averageWeights: 8 }],
  [
    'all of it, in the scope of each parameter',
    {
      averagedModel: true,
      embedding: { name: 'log', floor: 'follow' },
      startAxis: { weight: 9 },
      averageWeights: 2,
      metricScope: 'parameter',
    },
  ],
  [
    'all of it, in groups with bases of their own',
    {
      averagedModel: true,
      startAxis: { weight: 9 },
      groups: {
        head: { base: bases[1]!, embedding: { name: 'root', floor: 'follow' }, averageWeights: 2 },
      },
    },
  ],
  ['the last factors, where their growth is limited', { growthRate: 1 }],
  ['the steps by which a cap has risen', { risingCap: { growth: 1.5 } }],
]
const keptProblem = (seed: number, more: Partial<PlainTransformation>): Problem => ({
  transformation: {
    base: bases[4]!,
    learningRate: 0.0625,
    xi: 'rate',
    embedding: { name: 'root' },
    ...more,
  },
  parameters: mixed.map((p, i) => ({ ...p, group: i % 2 === 0 ? 'body' : 'head' })),
  steps: 8,
  seed,
  loss: { first: 12, ratio: 0.875 },
})
const resumeKept = table('checkpoint/resume', [
  ...kept.map(([title, more], i): Row => ({
    n: i + 21,
    title: `a checkpoint holds ${title}: resumed, the run and its state are as if uninterrupted, bit for bit`,
    check: 'resume',
    after: 4,
    state: true,
    needs,
    problem: keptProblem(880 + i, more),
  })),
  ...(['muon', 'lion'] as const).map((name, i): Row => ({
    n: i + 31,
    title: `a checkpoint holds all that rateFree’s recipe keeps over ${name}`,
    check: 'resume',
    after: 1,
    state: true,
    needs,
    problem: {
      ...keptProblem(890 + i, {
        base: { name },
        averagedModel: true,
        startAxis: { weight: 9 },
        averageWeights: 8,
      }),
      parameters: name === 'muon' ? [...matrices, ...small] : mixed,
    },
  })),
])
const handoverKept = table(
  'checkpoint/handover',
  (['target', 'reference'] as const).flatMap((from, f) =>
    kept.map(([title, more], i): Row => ({
      n: 21 + 10 * f + i,
      title:
        from === 'target'
          ? `${title}: a checkpoint continues in the core’s reference engine`
          : `${title}: a checkpoint of the core’s reference engine continues here`,
      check: 'handover',
      from,
      after: 4,
      needs,
      problem: keptProblem(900 + 10 * f + i, more),
    })),
  ),
)

const bad = table(
  'checkpoint/bad',
  damages.map((damage, i): Row => ({
    n: i + 1,
    title: `a checkpoint that is wrong (${damage}) is ERR_CHECKPOINT and changes nothing`,
    check: 'badCheckpoint',
    damage,
    needs,
    problem: {
      transformation: { base: bases[4]!, ...common, ...holding(damage) },
      parameters: small,
      steps: 2,
      seed: 870 + i,
    },
  })),
)

const named = table('checkpoint/named', [
  {
    n: 1,
    title: 'the error of a checkpoint with a parameter too many names it',
    check: 'badCheckpoint',
    damage: 'a parameter too many',
    names: 'further',
    needs,
    problem: { transformation: { base: bases[4]!, ...common }, parameters: small, steps: 2, seed: 869 },
    dtypes: ['float32'],
  },
])

/** A transformation whose checkpoints hold what a damage changes, where not every one does. */
function holding(damage: Damage): Partial<PlainTransformation> {
  if (damage.includes('shared scalars')) return { base: { name: 'prodigy' } }
  return damage.includes('calls') ? { accumulate: 2 } : {}
}

/** Checkpoints of 0.1.0, whose units kept only an average. */
const old = table(
  'checkpoint/old',
  oldCheckpoints.map(({ title, problem, after, bytes }, i): Row => ({
    n: i + 1,
    title: `a checkpoint of 0.1.0 continues: ${title}`,
    check: 'oldCheckpoint',
    problem,
    after,
    bytes,
    needs,
    dtypes: ['float32'],
  })),
)

/** Saving and loading. */
export const checkpointCases: readonly Case[] = [
  ...resume,
  ...reset,
  ...handover,
  ...checkpointsOfBases,
  ...bad,
  ...named,
  ...resumeKept,
  ...handoverKept,
  ...old,
]
