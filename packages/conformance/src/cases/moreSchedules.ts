import type { Case } from '../case.js'
import type { PlainBase, PlainTransformation } from '../plain.js'
import type { Problem } from '../problem.js'
import { falling, labelled, linear, problemOf, three } from './moreOptions.js'
import { variants } from './step.js'
import { matrices, small, table, warmUp, type Row } from './table.js'

/** Every hyperparameter that may be scheduled, by base. */
const scheduled: readonly PlainBase[] = [
  { name: 'sgd', momentum: linear(0.25, 0.75) },
  { name: 'sgd', momentum: linear(0.5, 0, 3) },
  { name: 'heavyBall', momentum: 0.75, dampening: linear(0, 0.5) },
  { name: 'heavyBall', momentum: linear(0.75, 0, 3), nesterov: true },
  { name: 'rmsprop', decay: 0.75, epsilon: linear(0.5, 0.125) },
  { name: 'rmsprop', decay: 0.75, momentum: linear(0.25, 0.75) },
  { name: 'adagrad', epsilon: linear(0.5, 0.125) },
  { name: 'adam', beta1: linear(0.25, 0.875), beta2: 0.875 },
  { name: 'adam', beta1: 0.75, beta2: linear(0.5, 0.9375) },
  { name: 'adam', beta1: linear(0.5, 0, 3), beta2: 0.75, nesterov: true },
  { name: 'lion', beta1: linear(0.5, 0.875), beta2: linear(0.75, 0.9375) },
  { name: 'muon', momentum: linear(0.5, 0.875) },
  { name: 'adamax', beta1: linear(0.5, 0.75), beta2: linear(0.5, 0.875), epsilon: linear(0.5, 0.125) },
  { name: 'radam', beta1: linear(0.5, 0.75), beta2: 0.8125, epsilon: linear(0.5, 0.125) },
  { name: 'adadelta', decay: linear(0.5, 0.875), epsilon: linear(0.5, 0.125) },
  {
    name: 'rprop',
    increase: linear(1.25, 1.5),
    decrease: linear(0.5, 0.75),
    minStep: linear(0.125, 0.25),
    maxStep: linear(2, 1),
  },
  {
    name: 'adan',
    beta1: linear(0.5, 0.75),
    beta2: linear(0.5, 0.75),
    beta3: linear(0.75, 0.875),
    epsilon: linear(0.5, 0.125),
  },
  { name: 'ademamix', beta1: linear(0.5, 0.75), beta2: linear(0.5, 0.75), epsilon: linear(0.5, 0.125) },
  { name: 'adopt', beta1: linear(0.5, 0.75), beta2: linear(0.5, 0.75), epsilon: linear(0.5, 0.25) },
  {
    name: 'lamb',
    beta1: linear(0.5, 0.75),
    beta2: linear(0.5, 0.75),
    epsilon: 0.125,
    weightDecay: linear(0.5, 0),
  },
  { name: 'novograd', beta1: linear(0.5, 0.75), beta2: linear(0.5, 0.75), epsilon: linear(0.5, 0.125) },
  { name: 'yogi', beta1: linear(0.5, 0.75), beta2: linear(0.5, 0.75), epsilon: linear(0.5, 0.125) },
  { name: 'adabelief', beta1: linear(0.5, 0.75), beta2: linear(0.5, 0.875), epsilon: linear(0.5, 0.125) },
  { name: 'signum', momentum: linear(0.25, 0.75) },
]
const scheduledNames = ({ name, ...options }: PlainBase): string =>
  `${Object.entries(options)
    .filter(([, value]) => typeof value === 'object')
    .map(([key]) => key)
    .join(', ')} of ${name}`

/** Schedules of options, past their ends and at 0. */
const passing: readonly (readonly [
  title: string,
  transformation: Partial<PlainTransformation>,
  more?: Partial<Problem>,
])[] = [
  ['a learning rate of 0, as a number', { learningRate: 0, weightDecay: 0.5 }],
  [
    'a linear learning rate that ends at 0, run past its end',
    { learningRate: linear(0.5, 0, 3), weightDecay: 0.25 },
  ],
  [
    'a cosine that ends at 0, run past its end',
    { learningRate: { schedule: 'cosine', from: 0.5, steps: 3 } },
  ],
  ['a linear learning rate of one step', { learningRate: linear(0.5, 0.125, 1) }],
  ['a linear learning rate over a fraction of a step', { learningRate: linear(0.5, 0.125, 2.5) }],
  ['a warm-up from 0', { learningRate: warmUp(0.25, 3) }],
  ['ξ that ends at 0, run past its end', { xi: linear(2, 0, 3) }],
  ['ξ that ends at 0 under log', { xi: linear(2, 0, 3), embedding: { name: 'log' } }, falling],
  [
    'decay that begins after some steps',
    { weightDecay: { schedule: 'piecewise', values: [0, 0.5], boundaries: [3] } },
  ],
  [
    'β = 0 in one group and near 1 in the others',
    { beta: 0.96875, groups: { head: { beta: 0 } } },
    { parameters: three },
  ],
  [
    'a floor that passes the loss’s own sign',
    { embedding: { name: 'logDamped', floor: linear(-2, 0, 3) } },
    falling,
  ],
  [
    'a loss of 0 above a negative floor',
    { embedding: { name: 'log', floor: -0.5 } },
    { loss: [1, 0, 0.5, 0, -0.25, 0] },
  ],
  [
    'the norm of a gradient that is 0 is not clipped',
    { clipNorm: 1, weightDecay: 0.5 },
    { gradientKind: 'zero' },
  ],
  [
    'a gradient that is 0 once, clipped under log',
    { clipNorm: 1, embedding: { name: 'log' } },
    { ...falling, inject: [0, 1, 2, 3].map((parameter) => ({ step: 2, parameter, value: 0 })) },
  ],
]

const schedules = table('option/scheduled', [
  ...scheduled.map((base, i): Row => ({
    n: i + 1,
    title: `scheduled: ${scheduledNames(base)}`,
    check: 'trajectory',
    problem: problemOf(
      2260 + i,
      { base, learningRate: 0.125 },
      base.name === 'muon' ? { parameters: matrices } : {},
    ),
  })),
  ...passing.map(([title, transformation, more], i): Row => ({
    n: i + 101,
    title,
    check: 'trajectory',
    problem: problemOf(2300 + i, transformation, more ?? {}),
  })),
])

const everything: PlainTransformation = {
  base: { name: 'muon', rows: 'inputs', iterations: 3 },
  learningRate: warmUp({ schedule: 'cosineRestarts', from: 0.5, steps: 3 }, 2),
  xi: { perRate: 0.5 },
  beta: 0.75,
  embedding: { name: 'root', floor: { follow: -1 } },
  weightDecay: linear(0.5, 0.25),
  decayScaling: 'rate',
  decayMask: ['tall', 'bias'],
  fallback: { name: 'adam', beta1: linear(0.5, 0.75), amsgrad: true },
  onBadLoss: 'base',
  clipNorm: 2,
  startAxis: { weight: 9, steps: 12, power: 0.5 },
  averageWeights: 8,
  onNonFinite: 'throw',
  metricScope: 'group',
  groups: {
    head: {
      base: { name: 'lion', beta1: linear(0.5, 0.75), cautious: true },
      learningRate: { schedule: 'exponential', from: 0.5, rate: 0.5 },
      xi: 'rate',
      decayMask: 'matrices',
      clipNorm: 1,
      embedding: { name: 'log', floor: -0.5 },
      onBadLoss: 'zero',
      decayScaling: 'step',
    },
    tail: { xi: 0, beta: 0, averageWeights: 2, embedding: { name: 'identity' }, fallback: { name: 'sgd' } },
  },
}
const roundTrips = table('option/json', [
  {
    n: 201,
    title: 'every option at once, in groups as well, survives JSON',
    check: 'roundTrip',
    problem: problemOf(2330, everything, {
      parameters: labelled(['body', 'head', 'tail'], [...matrices, ...small]),
      ...falling,
    }),
  },
  ...Object.entries(variants)
    .filter(([name]) => name !== 'muon')
    .map(([name, list], i): Row => ({
      n: i + 211,
      title: `${name}’s hyperparameters survive JSON`,
      check: 'roundTrip',
      problem: problemOf(
        2340 + i,
        { base: list.at(-1)!.base, embedding: { name: 'logDamped', floor: -1 } },
        falling,
      ),
    })),
])

/** Schedules of every hyperparameter, past their ends and at 0, and every option as JSON. */
export const moreScheduleCases: readonly Case[] = [...schedules, ...roundTrips]
