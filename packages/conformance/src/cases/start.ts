import type { Case } from '../case.js'
import type { PlainTransformation } from '../plain.js'
import type { Problem } from '../problem.js'
import { matrices, mixed, small, table, type Row } from './table.js'

const sgd = { name: 'sgd', momentum: 0.75 }
export const adam = { name: 'adam', beta1: 0.75, beta2: 0.9375 }
const root = { name: 'root' }
export const grouped = mixed.map((p, i) => ({ ...p, group: i % 2 === 0 ? 'body' : 'head' }))

/** A run from a high loss at a small rate, in which an averaged model stays above its floor. */
export function problemOf(
  n: number,
  transformation: Partial<PlainTransformation>,
  more: Partial<Problem> = {},
): Problem {
  return {
    transformation: { base: sgd, learningRate: 0.03125, xi: 'rate', embedding: root, ...transformation },
    parameters: mixed,
    steps: 8,
    seed: 50_000 + n,
    loss: { first: 12, ratio: 0.875 },
    ...more,
  }
}

export function run(
  n: number,
  title: string,
  transformation: Partial<PlainTransformation>,
  more: Partial<Problem> = {},
): Row {
  return { n, title, check: 'trajectory', problem: problemOf(n, transformation, more) }
}

const averagedModel = true
const models = table('option/averagedModel', [
  run(
    1,
    'the averaged model of muon and its fallback: each base by its own average',
    {
      averagedModel,
      base: { name: 'muon', rows: 'outputs' },
      fallback: adam,
      learningRate: 0.015625,
    },
    { parameters: [...matrices, ...small] },
  ),
  run(
    2,
    'the averaged model of two groups with bases of their own',
    {
      averagedModel,
      groups: { head: { base: { name: 'heavyBall', momentum: 0.5 }, learningRate: 0.015625 } },
    },
    { parameters: grouped },
  ),
  run(
    3,
    'the averaged model of each group by itself',
    {
      averagedModel,
      metricScope: 'group',
      groups: { head: { base: adam, xi: { perRate: 2 } } },
    },
    { parameters: grouped },
  ),
  run(4, 'the averaged model of each parameter by itself', {
    averagedModel,
    base: adam,
    metricScope: 'parameter',
  }),
  run(5, 'the averaged model of the clipped gradient', { averagedModel, base: adam, clipNorm: 2 }),
  run(
    6,
    'the averaged model where gradients are missing',
    { averagedModel, base: adam },
    {
      missing: { 1: [1], 2: [0, 1], 4: [3], 6: [1, 2, 3] },
    },
  ),
  run(7, 'the averaged model with a ξ that is not tied: a loss at the floor is still no error', {
    averagedModel,
    xi: 0.25,
    weightDecay: 0.25,
  }),
  run(8, 'the averaged model under logDamped, with a floor', {
    averagedModel,
    base: adam,
    embedding: { name: 'logDamped', floor: 1 },
  }),
  run(
    9,
    'the averaged model under root, with a floor that follows',
    {
      averagedModel,
      embedding: { name: 'root', floor: 'follow' },
    },
    { steps: 16, loss: { first: 12, ratio: 0.9375 } },
  ),
  {
    ...run(
      10,
      'a skipped step enters no average of the model',
      { averagedModel, base: adam },
      {
        loss: [12, 11, 'NaN', 10, 9, 9, 8, 8],
        inject: [{ step: 5, parameter: 0, element: 1, value: 'NaN' }],
      },
    ),
    outcomes: { 3: 'skipped', 5: 'skipped' },
  } as Row,
  run(11, 'the averaged model with a scheduled momentum', {
    averagedModel,
    base: { name: 'sgd', momentum: { schedule: 'linear', from: 0.25, to: 0.75, steps: 5 } },
  }),
  run(12, 'the averaged model where the averages cancel the direction: v̂ is not below 0', {
    averagedModel,
    base: { name: 'heavyBall', momentum: 0.875, nesterov: true },
  }),
  run(
    13,
    'an averaged model below its floor: ρ = 0, and the averages go on',
    { averagedModel },
    {
      loss: [1, 0.5, -8, -8, -4, 2, 8, 16],
    },
  ),
])

/** Twenty losses, of which the first are small. */
const rising = [1, 0.5, 2, 4, 8, 6, 6, 5, 5, 4, 4, 4, 3, 3, 3, 3, 2, 2, 2, 2]

const starts = table('option/startAxis', [
  run(1, 'a start axis: 1/ρ grows by ηw·s/ℓ₀', { startAxis: { weight: 9 }, learningRate: 0.125 }),
  run(2, 'a start axis over so many steps', {
    startAxis: { weight: 10, steps: 12 },
    learningRate: 0.125,
    base: adam,
  }),
  run(3, 'a start axis whose power is given', {
    startAxis: { weight: 4, steps: 20, power: 0.5 },
    learningRate: 0.125,
  }),
  run(4, 'a start axis with a power of 0', { startAxis: { weight: 4, steps: 20, power: 0 } }),
  run(5, 'power without steps changes nothing', { startAxis: { weight: 4, power: 0.5 } }),
  run(6, 'after the steps of a start axis nothing moves, and the state goes on', {
    startAxis: { weight: 10, steps: 4 },
    weightDecay: 0.25,
  }),
  run(7, 'a start axis beside identity, from the loss itself', {
    startAxis: { weight: 2, steps: 12 },
    embedding: { name: 'identity' },
  }),
  run(8, 'a start axis beside log, with a floor', {
    startAxis: { weight: 2, steps: 12 },
    embedding: { name: 'log', floor: 1 },
  }),
  run(9, 'a start axis beside a floor that follows goes by its bound', {
    startAxis: { weight: 2, steps: 12 },
    embedding: { name: 'root', floor: { follow: 1 } },
  }),
  run(10, 'a start axis goes by the peak of a scheduled rate', {
    startAxis: { weight: 9 },
    learningRate: { schedule: 'linear', from: 0.25, to: 0.03125, steps: 6 },
  }),
  run(11, 'a start axis where ξ is not tied', { startAxis: { weight: 9 }, xi: 0.5 }),
  run(12, 'a start axis at ξ = 0 beside identity', {
    startAxis: { weight: 9 },
    xi: 0,
    embedding: { name: 'identity' },
  }),
  run(
    13,
    'a start axis in every parameter’s scope, each from its own first losses',
    {
      startAxis: { weight: 9, steps: 12 },
      metricScope: 'parameter',
    },
    { missing: { 1: [1, 3], 2: [1], 5: [0] } },
  ),
  run(
    14,
    'a start axis of a group',
    {
      groups: { head: { startAxis: { weight: 9 }, learningRate: 0.25 } },
    },
    { parameters: grouped },
  ),
  run(
    15,
    'a start axis where the losses have fallen below the floor: no brake is left of it',
    {
      startAxis: { weight: 9, steps: 20 },
      embedding: { name: 'identity' },
    },
    { loss: [1, 0.5, -4, -8, -8, -8, -8, -8] },
  ),
  run(
    16,
    'a start axis waits for losses above the floor: ρ = 0 until then',
    {
      startAxis: { weight: 9 },
      embedding: { name: 'identity' },
    },
    { loss: [0, -1, 2, 2, 1, 1, 1, 1] },
  ),
  {
    ...run(
      17,
      'a skipped step tells nothing of the loss at the start',
      { startAxis: { weight: 9 } },
      {
        loss: ['NaN', 100, 12, 11, 10, 9, 8, 7],
        inject: [{ step: 2, parameter: 0, element: 1, value: 'Infinity' }],
      },
    ),
    outcomes: { 1: 'skipped', 2: 'skipped' },
  } as Row,
  {
    ...run(
      18,
      'a first loss at the floor throws where ξ is not tied, and the next one is the first',
      {
        startAxis: { weight: 9 },
        xi: 0.25,
      },
      { loss: [0, 12, 11, 10, 9, 8, 7, 6] },
    ),
    outcomes: { 1: 'ERR_BAD_LOSS' },
  } as Row,
  {
    ...run(
      19,
      'a start axis beside identity needs the loss',
      {
        startAxis: { weight: 9 },
        embedding: { name: 'identity' },
      },
      { loss: [12, null, 11, 10, 9, 8, 7, 6] },
    ),
    outcomes: { 2: 'ERR_LOSS_REQUIRED' },
  } as Row,
  run(20, 'decay is scaled by the whole ρ, start axis and all', {
    startAxis: { weight: 9 },
    weightDecay: 0.5,
    learningRate: 0.25,
  }),
  run(21, 'a start axis beside the averaged model', {
    startAxis: { weight: 9, steps: 12 },
    averagedModel,
    base: adam,
  }),
  run(
    22,
    'after the steps of a start axis ρ = 0 is no bad loss, wherever the losses are',
    { startAxis: { weight: 10, steps: 4 }, xi: 0.25, embedding: { name: 'identity' } },
    { loss: [1, 0.5, -4, -8, -8, -8, -8, -8] },
  ),
  {
    ...run(
      23,
      'a start axis beside identity throws at a first loss of 0 or below where ξ is not tied',
      { startAxis: { weight: 9 }, xi: 0.25, embedding: { name: 'identity' } },
      { loss: [0, -1, 12, 11, 10, 9, 8, 7] },
    ),
    outcomes: { 1: 'ERR_BAD_LOSS', 2: 'ERR_BAD_LOSS' },
  } as Row,
  ...(
    [
      ['a start axis goes by the largest average of the first losses', rising],
      ['losses that rise after the first twenty are no start', [...rising, 30, 40, 50, 40, 30]],
      ['losses at the floor for twenty steps: the start waits on', [...rising.map(() => -1), 2, 3, 4, 5, 4]],
    ] as const
  ).map(([title, loss], i) =>
    run(
      24 + i,
      title,
      { startAxis: { weight: 4, steps: 40 }, embedding: { name: 'identity' } },
      { loss, steps: loss.length, parameters: small },
    ),
  ),
])

const averages = table('option/averageWeights', [
  run(1, 'the polynomial average of the weights, x̄ += (k+1)/(t+k)·(θ−x̄)', { averageWeights: 8 }),
  run(2, 'the average of the weights with k = 1 and decay', {
    averageWeights: 1,
    weightDecay: 0.25,
    base: adam,
  }),
  run(3, 'the average of the weights with a k that is no whole number', { averageWeights: 0.5 }),
  run(
    4,
    'the average of the weights counts each parameter’s own steps',
    { averageWeights: 8 },
    {
      missing: { 1: [1], 2: [1, 2], 4: [0] },
    },
  ),
  run(5, 'the average of the weights of the base alone', {
    averageWeights: 8,
    xi: 0,
    embedding: { name: 'identity' },
    base: adam,
  }),
  run(
    6,
    'groups with averages of their own',
    {
      averageWeights: 8,
      groups: { head: { averageWeights: 2 } },
    },
    { parameters: grouped },
  ),
  run(
    7,
    'the average of the weights of muon and its fallback',
    {
      averageWeights: 3,
      base: { name: 'muon', rows: 'inputs' },
      fallback: adam,
    },
    { parameters: [...matrices, ...small] },
  ),
  {
    ...run(
      8,
      'a skipped step enters no average of the weights',
      { averageWeights: 8 },
      {
        inject: [{ step: 3, parameter: 0, element: 1, value: 'NaN' }],
      },
    ),
    outcomes: { 3: 'skipped' },
  } as Row,
  run(9, 'the average of the weights with k = 0 is their plain mean', { averageWeights: 0 }),
])

/** The averaged model, the start axis and averages of the weights. */
export const startCases: readonly Case[] = [...models, ...starts, ...averages]
