import type { Case } from '../case.js'
import type { PlainTransformation } from '../plain.js'
import type { Problem } from '../problem.js'
import { mixed, small, table, type Row } from './table.js'

const grouped = mixed.map((p, i) => ({ ...p, group: i % 2 === 0 ? 'body' : 'head' }))

function run(
  n: number,
  title: string,
  transformation: PlainTransformation,
  more: Partial<Problem> = {},
): Row {
  const problem: Problem = { transformation, parameters: mixed, steps: 6, seed: 100 + n, ...more }
  return { n, title, check: 'trajectory', problem }
}

const sgd = { name: 'sgd', momentum: 0.75 }
const adam = { name: 'adam', beta1: 0.75, beta2: 0.9375 }
const falling = { loss: { first: 4, ratio: 0.75 } }

const decay = table('option/decay', [
  run(1, 'decoupled decay is not multiplied by ρ', {
    base: sgd,
    learningRate: 0.25,
    xi: 4,
    weightDecay: 0.25,
  }),
  run(2, 'decoupled decay acts on θ from before the step', {
    base: { name: 'sgd' },
    learningRate: 0.5,
    xi: 0.125,
    weightDecay: 0.5,
  }),
  run(3, 'decoupled decay under adam, as AdamW has it', {
    base: adam,
    learningRate: 0.25,
    xi: 1,
    weightDecay: 0.25,
  }),
  run(
    4,
    'decoupled decay under log, where ρ may exceed 1',
    { base: sgd, embedding: { name: 'log' }, learningRate: 0.25, xi: 0.25, weightDecay: 0.25 },
    { loss: { first: 0.5, ratio: 0.75 } },
  ),
  run(5, 'decoupled decay at ξ = 0', { base: adam, learningRate: 0.25, xi: 0, weightDecay: 0.25 }),
  run(6, 'decay masked to matrices leaves vectors and scalars alone', {
    base: sgd,
    learningRate: 0.25,
    xi: 0.5,
    weightDecay: 0.5,
    decayMask: 'matrices',
  }),
  run(7, 'decay masked by name', {
    base: adam,
    learningRate: 0.25,
    xi: 0.5,
    weightDecay: 0.5,
    decayMask: ['bias', 'scale'],
  }),
  run(8, 'decay masked to no parameter', {
    base: sgd,
    learningRate: 0.25,
    xi: 0.5,
    weightDecay: 0.5,
    decayMask: [],
  }),
])

const metric = table('option/metric', [
  run(1, 'ξ left out is 1/N over all parameters, β left out is 0.8', { base: sgd, learningRate: 0.25 }),
  run(2, 'the bias correction of the metric’s average', {
    base: { name: 'sgd' },
    learningRate: 0.25,
    xi: 0.25,
    beta: 0.9375,
  }),
  run(3, 'β = 0: no average at all', { base: { name: 'sgd' }, learningRate: 0.25, xi: 0.25, beta: 0 }),
  run(4, 's is the squared norm of the gradient, not the norm', {
    base: { name: 'sgd' },
    learningRate: 0.25,
    xi: 0.125,
    beta: 0,
  }),
  run(5, 's sums over all parameters, not over each tensor', {
    base: { name: 'sgd' },
    learningRate: 0.25,
    xi: 0.125,
    beta: 0,
    metricScope: 'global',
  }),
  run(6, 's of adam is Σg²/(√r̂+ε): with the preconditioner, with its root and its bias correction', {
    base: { name: 'adam', beta1: 0, beta2: 0.75 },
    learningRate: 0.25,
    xi: 0.25,
    beta: 0,
  }),
  run(7, 's uses the raw gradient, not the momentum', {
    base: { name: 'sgd', momentum: 0.9375 },
    learningRate: 0.25,
    xi: 0.25,
    beta: 0,
  }),
  run(
    8,
    'the metric’s average under log',
    { base: sgd, embedding: { name: 'log' }, learningRate: 0.25, xi: 0.25, beta: 0.875 },
    falling,
  ),
  run(9, 'a large ξ: ρ is far below 1', { base: adam, learningRate: 1, xi: 64, beta: 0.5 }),
  run(10, 'a tiny ξ: ρ is next to 1', { base: adam, learningRate: 0.125, xi: 1e-12 }),
  run(
    11,
    'log divides by ℓ²+v̂: the factor is ℓ/(ℓ²+v̂)',
    { base: { name: 'sgd' }, embedding: { name: 'log' }, learningRate: 0.25, xi: 0.25, beta: 0 },
    falling,
  ),
  run(
    12,
    'log with a floor measures the loss from it',
    { base: { name: 'sgd' }, embedding: { name: 'log', floor: 1 }, learningRate: 0.25, xi: 0.25 },
    { loss: { first: 4, ratio: 0.875 } },
  ),
  run(
    13,
    'log with a floor below 0 takes a negative loss',
    { base: { name: 'sgd' }, embedding: { name: 'log', floor: -4 }, learningRate: 0.25, xi: 0.25 },
    { loss: [-1, -2, -3, -3.5, -3.75, -3.875] },
  ),
  run(
    14,
    'every step, without a bias correction that fades: many steps',
    { base: adam, embedding: { name: 'logDamped' }, learningRate: 0.0625, xi: 0.25, beta: 0.75 },
    { steps: 40, loss: { first: 4, ratio: 0.9375 } },
  ),
])

const precision = table('option/loss', [
  {
    ...run(
      1,
      'the loss keeps its double precision',
      { base: { name: 'sgd' }, embedding: { name: 'log' }, learningRate: 0.25, xi: 0.25, beta: 0 },
      { loss: [1 / 3, 0.1, 2 / 7, 0.7, 1e-3 / 3, 0.123456789] },
    ),
    dtypes: ['float64'],
  },
  {
    ...run(
      2,
      'the loss less its floor, in double precision',
      {
        base: { name: 'sgd' },
        embedding: { name: 'logDamped', floor: 0.1 },
        learningRate: 0.25,
        xi: 1e-9,
        beta: 0,
      },
      { loss: [0.1 + 1e-5, 0.1 + 2e-5, 0.1 + 3e-5, 0.1 + 4e-5, 0.1 + 5e-5, 0.1 + 6e-5] },
    ),
    dtypes: ['float64'],
  },
  run(
    3,
    'identity does not need the loss',
    { base: sgd, learningRate: 0.25, xi: 0.25 },
    { loss: [null, null, null, null, null, null] },
  ),
  run(
    4,
    'identity does not read the loss, not even NaN',
    { base: sgd, learningRate: 0.25, xi: 0.25 },
    { loss: ['NaN', 'Infinity', -1, 0, '-Infinity', 'NaN'] },
  ),
])

const linear = { schedule: 'linear', from: 0.5, to: 0.125, steps: 4 }
const schedules = table('option/schedule', [
  run(1, 'a linear learning rate, whose first step is step 1', { base: sgd, learningRate: linear, xi: 0.25 }),
  run(2, 'a cosine learning rate', {
    base: sgd,
    learningRate: { schedule: 'cosine', from: 0.5, to: 0.0625, steps: 4 },
    xi: 0.25,
  }),
  run(3, 'an exponential learning rate', {
    base: sgd,
    learningRate: { schedule: 'exponential', from: 0.5, rate: 0.5, steps: 2 },
    xi: 0.25,
  }),
  run(4, 'a piecewise learning rate', {
    base: sgd,
    learningRate: { schedule: 'piecewise', values: [0.5, 0.125, 0.25], boundaries: [2, 4] },
    xi: 0.25,
  }),
  run(5, 'a warm-up into a cosine', {
    base: sgd,
    learningRate: {
      schedule: 'warmup',
      // oxlint-disable-next-line unicorn/no-thenable -- the name the schedule's data have; it is no function
      then: { schedule: 'cosine', from: 0.5, to: 0, steps: 8 },
      steps: 3,
      from: 0.125,
    },
    xi: 0.25,
  }),
  run(6, 'a constant schedule', { base: sgd, learningRate: { schedule: 'constant', value: 0.25 }, xi: 0.25 }),
  run(7, 'a scheduled ξ multiplies the average of s: the average is of s, not of ξs', {
    base: { name: 'sgd' },
    learningRate: 0.25,
    xi: { schedule: 'linear', from: 2, to: 0.0625, steps: 5 },
    beta: 0.875,
  }),
  run(8, 'a scheduled weight decay', {
    base: sgd,
    learningRate: 0.25,
    xi: 0.25,
    weightDecay: { schedule: 'linear', from: 0.5, to: 0, steps: 5 },
  }),
  run(9, 'a scheduled momentum of heavyBall', {
    base: { name: 'heavyBall', momentum: { schedule: 'linear', from: 0.25, to: 0.75, steps: 4 } },
    learningRate: 0.125,
    xi: 0.25,
  }),
  run(10, 'a scheduled decay of rmsprop', {
    base: { name: 'rmsprop', decay: { schedule: 'linear', from: 0.5, to: 0.875, steps: 4 } },
    learningRate: 0.125,
    xi: 0.25,
  }),
  run(
    11,
    'a scheduled ξ under log',
    {
      base: adam,
      embedding: { name: 'log' },
      learningRate: 0.125,
      xi: { schedule: 'exponential', from: 1, rate: 0.5 },
    },
    falling,
  ),
  {
    ...run(
      12,
      'schedules count steps taken: a skipped step does not advance them',
      {
        base: { name: 'sgd' },
        learningRate: { schedule: 'linear', from: 1, to: 0.125, steps: 4 },
        xi: { schedule: 'linear', from: 1, to: 0.125, steps: 4 },
      },
      {
        inject: [
          { step: 2, parameter: 0, element: 1, value: 'NaN' },
          { step: 4, parameter: 1, element: 0, value: 'Infinity' },
        ],
      },
    ),
    check: 'trajectory',
    outcomes: { 2: 'skipped', 4: 'skipped' },
  } as Row,
])

const more = table('option/schedule', [
  run(
    13,
    'a scheduled floor of log',
    {
      base: sgd,
      embedding: { name: 'log', floor: { schedule: 'linear', from: -1, to: 0.25, steps: 5 } },
      learningRate: 0.25,
      xi: 0.25,
    },
    falling,
  ),
  run(14, 'a scheduled epsilon of adam', {
    base: { name: 'adam', epsilon: { schedule: 'exponential', from: 0.5, rate: 0.5 } },
    learningRate: 0.125,
    xi: 0.25,
  }),
  run(15, 'a learning rate of 0 moves nothing, and the state goes on', {
    base: adam,
    learningRate: { schedule: 'piecewise', values: [0.25, 0, 0.25], boundaries: [1, 3] },
    xi: 0.25,
    weightDecay: 0.125,
  }),
])

const inGroups = { parameters: grouped }
const groups = table('option/groups', [
  run(
    1,
    'a group’s own learning rate',
    { base: sgd, learningRate: 0.25, xi: 0.25, groups: { head: { learningRate: 0.0625 } } },
    inGroups,
  ),
  run(
    2,
    'a group’s own ξ, on the s of all groups',
    { base: sgd, learningRate: 0.25, xi: 0.25, groups: { head: { xi: 4 } } },
    inGroups,
  ),
  run(
    3,
    'a group’s own β has an average of its own',
    { base: sgd, learningRate: 0.25, xi: 0.25, beta: 0.5, groups: { head: { beta: 0.9375 } } },
    inGroups,
  ),
  run(
    4,
    'a group’s own embedding, on the s of all groups',
    { base: sgd, learningRate: 0.25, xi: 0.25, groups: { head: { embedding: { name: 'log' } } } },
    { ...inGroups, ...falling },
  ),
  run(
    5,
    'a group’s own weight decay',
    { base: sgd, learningRate: 0.25, xi: 0.25, weightDecay: 0.125, groups: { head: { weightDecay: 0.5 } } },
    inGroups,
  ),
  run(
    6,
    'a group’s own base',
    { base: sgd, learningRate: 0.25, xi: 0.25, groups: { head: { base: adam } } },
    inGroups,
  ),
  run(
    7,
    'two groups with options, at ξ = auto',
    {
      base: adam,
      learningRate: 0.25,
      groups: { head: { learningRate: 0.0625, beta: 0.5 }, body: { learningRate: 0.5 } },
    },
    inGroups,
  ),
  run(
    8,
    'each group with an s of its own',
    {
      base: sgd,
      learningRate: 0.25,
      xi: 0.25,
      metricScope: 'group',
      groups: { head: { learningRate: 0.125 } },
    },
    inGroups,
  ),
  run(
    9,
    'each group with an s and an N of its own',
    { base: sgd, learningRate: 0.25, metricScope: 'group' },
    inGroups,
  ),
  run(
    10,
    'a group at ξ = 0 counts in the s of all groups',
    { base: sgd, learningRate: 0.25, xi: 0.25, groups: { head: { xi: 0 } } },
    inGroups,
  ),
])

const scope = table('option/scope', [
  run(1, 'each parameter with an s of its own', {
    base: sgd,
    learningRate: 0.25,
    xi: 0.25,
    metricScope: 'parameter',
  }),
  run(2, 'each parameter with an s and an N of its own', {
    base: adam,
    learningRate: 0.25,
    metricScope: 'parameter',
  }),
  run(
    3,
    'each parameter with an s of its own, under log',
    { base: sgd, embedding: { name: 'log' }, learningRate: 0.25, xi: 0.25, metricScope: 'parameter' },
    falling,
  ),
  run(
    4,
    'each parameter’s average counts the steps it was averaged',
    { base: sgd, learningRate: 0.25, xi: 0.25, beta: 0.875, metricScope: 'parameter' },
    { missing: { 1: [1], 2: [1, 2], 4: [0] } },
  ),
])

const clip = table('option/clip', [
  run(1, 'the gradient is clipped by its norm over all tensors, not element by element', {
    base: { name: 'sgd' },
    learningRate: 0.25,
    xi: 0.25,
    beta: 0,
    clipNorm: 1,
  }),
  run(2, 's is of the clipped gradient', { base: sgd, learningRate: 0.25, xi: 1, clipNorm: 2 }),
  run(3, 'a gradient within the norm is left as it is', {
    base: adam,
    learningRate: 0.25,
    xi: 0.25,
    clipNorm: 1000,
  }),
  run(4, 'clipping at ξ = 0', { base: sgd, learningRate: 0.25, xi: 0, clipNorm: 1 }),
  run(5, 'clipping leaves decay alone', {
    base: sgd,
    learningRate: 0.25,
    xi: 0.25,
    weightDecay: 0.5,
    clipNorm: 0.5,
  }),
  run(
    6,
    'clipping counts only gradients that are there',
    { base: sgd, learningRate: 0.25, xi: 0.25, clipNorm: 1 },
    { missing: { 2: [0], 3: [1, 3] } },
  ),
])

const missing = table('option/missing', [
  run(
    1,
    'a missing gradient does not enter s',
    { base: { name: 'sgd' }, learningRate: 0.25, xi: 0.25, beta: 0 },
    { missing: { 2: [0], 4: [1, 3] } },
  ),
  run(
    2,
    'a parameter without a gradient is not decayed',
    { base: { name: 'sgd' }, learningRate: 0.25, xi: 0.25, weightDecay: 0.5 },
    { missing: { 1: [0], 2: [1], 3: [0, 1] } },
  ),
  run(
    3,
    'momentum’s bias correction counts the parameter’s own steps',
    { base: { name: 'sgd', momentum: 0.875 }, learningRate: 0.25, xi: 0.25 },
    { missing: { 1: [0], 2: [0, 1], 4: [2] } },
  ),
  run(
    4,
    'adam’s bias corrections count the parameter’s own steps',
    { base: adam, learningRate: 0.25, xi: 0.25 },
    { missing: { 1: [0], 2: [0, 1], 4: [2] } },
  ),
  run(
    5,
    'a parameter that never has a gradient stays as it is',
    { base: adam, learningRate: 0.25, xi: 0.25, weightDecay: 0.25 },
    { missing: { 1: [1], 2: [1], 3: [1], 4: [1], 5: [1], 6: [1] } },
  ),
  run(
    6,
    'the metric’s average counts the optimiser’s steps',
    { base: { name: 'sgd' }, learningRate: 0.25, xi: 0.5, beta: 0.9375 },
    { missing: { 1: [0, 1, 2], 2: [0], 3: [3] } },
  ),
  run(
    7,
    'heavyBall’s first buffer is the parameter’s own first gradient',
    { base: { name: 'heavyBall', momentum: 0.75, dampening: 0.5 }, learningRate: 0.125, xi: 0.25 },
    { missing: { 1: [0], 2: [1] } },
  ),
  {
    ...run(
      8,
      'a step without any gradient is skipped',
      { base: adam, learningRate: 0.25, xi: 0.25, weightDecay: 0.25 },
      { parameters: small, missing: { 1: [0, 1], 3: [0, 1] } },
    ),
    check: 'trajectory',
    outcomes: { 1: 'skipped', 3: 'skipped' },
  } as Row,
])

/** Every option beyond the base and the embedding. */
export const optionCases: readonly Case[] = [
  ...decay,
  ...metric,
  ...precision,
  ...schedules,
  ...more,
  ...groups,
  ...scope,
  ...clip,
  ...missing,
]
