import type { Case } from '../case.js'
import type { PlainBase, PlainEmbedding, PlainTransformation } from '../plain.js'
import type { Problem } from '../problem.js'
import { furtherDefaults, furtherVariants, type Variant } from './furtherBases.js'
import { matrices, mixed, numberOf, readsLoss, table, type Row } from './table.js'

/** The bases and their options. Append only: the position in the list is part of the ids. */
export const variants: Readonly<Record<string, readonly Variant[]>> = {
  sgd: [
    { base: { name: 'sgd' }, of: 'sgd' },
    { base: { name: 'sgd', momentum: 0.9 }, of: 'sgd with averaged, bias-corrected momentum' },
  ],
  heavyBall: [
    { base: { name: 'heavyBall' }, of: 'heavyBall' },
    { base: { name: 'heavyBall', momentum: 0.8, nesterov: true }, of: 'heavyBall with Nesterov momentum' },
    {
      base: { name: 'heavyBall', momentum: 0.7, dampening: 0.25 },
      of: 'heavyBall whose dampening starts at the second step',
    },
    {
      base: { name: 'heavyBall', momentum: 0, dampening: 0.25 },
      of: 'heavyBall at momentum 0, where there is nothing to dampen',
    },
  ],
  rmsprop: [
    { base: { name: 'rmsprop', decay: 0.9 }, of: 'rmsprop without bias correction' },
    {
      base: { name: 'rmsprop', decay: 0.75, epsilon: 0.125 },
      of: 'rmsprop with its epsilon outside the root',
    },
    { base: { name: 'rmsprop', decay: 0.9, centered: true }, of: 'centered rmsprop' },
    {
      base: { name: 'rmsprop', decay: 0.9, centered: true, momentum: 0.8 },
      of: 'centered rmsprop with momentum over P g',
    },
  ],
  adagrad: [
    { base: { name: 'adagrad' }, of: 'adagrad' },
    {
      base: { name: 'adagrad', initialAccumulator: 0.5, epsilon: 0.0625 },
      of: 'adagrad from an initial accumulator',
    },
  ],
  adam: [
    { base: { name: 'adam' }, of: 'adam' },
    {
      base: { name: 'adam', beta1: 0.75, beta2: 0.875, epsilon: 0.125 },
      of: 'adam with its epsilon outside the root',
    },
    { base: { name: 'adam', beta1: 0.9, beta2: 0.98, nesterov: true }, of: 'adam with Nesterov momentum' },
    { base: { name: 'adam', beta1: 0, beta2: 0 }, of: 'adam without averages' },
    {
      base: { name: 'adam', beta1: 0.5, beta2: 0.5, epsilon: 0.0625, amsgrad: true },
      of: 'adam with the largest second moment so far',
    },
    {
      base: { name: 'adam', beta1: 0.75, beta2: 0.875, epsilon: 0.125, cautious: true },
      of: 'cautious adam',
    },
  ],
  lion: [
    { base: { name: 'lion' }, of: 'lion' },
    { base: { name: 'lion', beta1: 0.5, beta2: 0.75 }, of: 'lion with short averages' },
    { base: { name: 'lion', beta1: 0.75, beta2: 0.875, cautious: true }, of: 'cautious lion' },
  ],
  muon: [
    { base: { name: 'muon' }, of: 'muon' },
    { base: { name: 'muon', momentum: 0.5, nesterov: false }, of: 'muon without Nesterov momentum' },
    { base: { name: 'muon', momentum: 0.875, iterations: 3 }, of: 'muon with three iterations' },
  ],
  adamax: [
    {
      base: { name: 'adamax', beta1: 0.75, beta2: 0.5, epsilon: 0.0625 },
      of: 'adamax with its epsilon beside |g|',
    },
  ],
  radam: [
    {
      base: { name: 'radam', beta1: 0.75, beta2: 0.8125, epsilon: 0.0625 },
      of: 'radam, rectified from the fourth step on,',
    },
  ],
  adadelta: [
    {
      base: { name: 'adadelta', decay: 0.75, epsilon: 0.0625 },
      of: 'adadelta with its epsilon inside both roots',
    },
  ],
  rprop: [
    {
      base: { name: 'rprop', increase: 1.5, initialStep: 0.5, minStep: 0.25, maxStep: 1 },
      of: 'rprop between its limits',
    },
  ],
  adan: [
    {
      base: { name: 'adan', beta1: 0.75, beta2: 0.5, beta3: 0.875, epsilon: 0.125 },
      of: 'adan with short averages',
    },
  ],
  ademamix: [
    {
      base: { name: 'ademamix', beta1: 0.5, beta2: 0.75, beta3: 0.9375, alpha: 3, epsilon: 0.125 },
      of: 'ademamix with short averages',
    },
  ],
  adopt: [
    {
      base: { name: 'adopt', beta1: 0.5, beta2: 0.75, epsilon: 0.5 },
      of: 'adopt with a second moment below its epsilon at places',
    },
  ],
  lamb: [
    {
      base: { name: 'lamb', beta1: 0.75, beta2: 0.875, epsilon: 0.125, weightDecay: 0.25 },
      of: 'lamb with decay inside its norm',
    },
  ],
  novograd: [
    {
      base: { name: 'novograd', beta1: 0.5, beta2: 0.75, epsilon: 0.125 },
      of: 'novograd, a norm per tensor,',
    },
  ],
  yogi: [
    {
      base: { name: 'yogi', beta1: 0.75, beta2: 0.5, epsilon: 0.125, initialAccumulator: 0.5 },
      of: 'yogi from an initial accumulator',
    },
  ],
  adabelief: [
    {
      base: { name: 'adabelief', beta1: 0.75, beta2: 0.875, epsilon: 0.0625 },
      of: 'adabelief with its epsilon at both places',
    },
  ],
  signum: [{ base: { name: 'signum', momentum: 0.75 }, of: 'signum' }],
}

/** All variants by base. The second part of an entry is the index that its seeds follow from. */
export const seededVariants: readonly (readonly [name: string, index: number, list: readonly Variant[]])[] = [
  ...Object.entries(variants).map(([name, list], b) => [name, b, list] as const),
  ...Object.entries(furtherVariants).map(([name, list], b) => [name, 100 + b, list] as const),
]

/** Append only: the position in the list is part of the ids. */
const defaults: readonly Variant[] = [
  { base: { name: 'adamax' }, of: 'torch’s Adamax' },
  { base: { name: 'radam' }, of: 'torch’s RAdam, from momentum to Adam' },
  { base: { name: 'adadelta' }, of: 'torch’s Adadelta' },
  { base: { name: 'rprop' }, of: 'torch’s Rprop' },
  { base: { name: 'adan' }, of: 'Adan' },
  {
    base: {
      name: 'ademamix',
      beta3: { schedule: 'linear', from: 0.9, to: 0.9999, steps: 5 },
      alpha: { schedule: 'linear', from: 0, to: 5, steps: 5 },
    },
    of: 'AdEMAMix, with schedules of β₃ and α',
  },
  { base: { name: 'adopt' }, of: 'ADOPT' },
  { base: { name: 'lamb' }, of: 'LAMB' },
  { base: { name: 'novograd' }, of: 'NovoGrad' },
  { base: { name: 'yogi' }, of: 'Yogi' },
  { base: { name: 'adabelief' }, of: 'AdaBelief' },
  { base: { name: 'signum', momentum: 0 }, of: 'signSGD where it has no momentum' },
]

/** Append only, four entries at most: the position in the list is part of the ids. */
const embeddings: readonly { readonly embedding: PlainEmbedding; readonly of: string }[] = [
  { embedding: { name: 'identity' }, of: 'under identity, ρ = 1/(1+v̂)' },
  { embedding: { name: 'log', floor: 0.25 }, of: 'under log, ρ = ℓ/(ℓ²+v̂)' },
  { embedding: { name: 'logDamped', floor: -0.5 }, of: 'under logDamped, ρ = ℓ²/(ℓ²+v̂)' },
]

const trajectories = seededVariants.flatMap(([name, b, list]) =>
  table(
    `step/${name}`,
    list.flatMap(({ base, of }, v) =>
      embeddings.map(({ embedding, of: under }, e): Row => {
        const problem: Problem = {
          transformation: {
            base,
            embedding,
            learningRate: name === 'lion' ? 0.125 : 0.25,
            xi: 0.125,
            beta: 0.75,
          },
          parameters: name === 'muon' ? matrices : mixed,
          steps: 8,
          seed: 1000 * (b + 1) + 10 * v + e,
          ...(embedding.name === 'identity' && !readsLoss(base) ? {} : { loss: { first: 4, ratio: 0.75 } }),
        }
        return { n: numberOf(base, 4 * v + e + 1), title: `${of} ${under}`, check: 'trajectory', problem }
      }),
    ),
  ),
)

const plain = (base: PlainBase, seed: number, parameters = mixed): Problem => ({
  transformation: { base, learningRate: 0.125, xi: 0 },
  parameters,
  steps: 8,
  seed,
  ...(readsLoss(base) ? { loss: { first: 4, ratio: 0.75 } } : {}),
})

/** Without the metric, a step is that of the base optimiser. */
const plainBases = table('step/plain', [
  {
    n: 1,
    title: 'sgd at ξ = 0 is momentum SGD',
    check: 'trajectory',
    problem: plain({ name: 'sgd', momentum: 0.9 }, 1),
  },
  {
    n: 2,
    title: 'heavyBall at ξ = 0 is torch’s SGD',
    check: 'trajectory',
    problem: plain({ name: 'heavyBall' }, 2),
  },
  {
    n: 3,
    title: 'rmsprop at ξ = 0 is torch’s RMSprop',
    check: 'trajectory',
    problem: plain({ name: 'rmsprop' }, 3),
  },
  {
    n: 4,
    title: 'adagrad at ξ = 0 is torch’s Adagrad',
    check: 'trajectory',
    problem: plain({ name: 'adagrad' }, 4),
  },
  { n: 5, title: 'adam at ξ = 0 is Adam', check: 'trajectory', problem: plain({ name: 'adam' }, 5) },
  { n: 6, title: 'lion at ξ = 0 is Lion', check: 'trajectory', problem: plain({ name: 'lion' }, 6) },
  {
    n: 7,
    title: 'muon at ξ = 0 is Muon',
    check: 'trajectory',
    problem: plain({ name: 'muon' }, 7, matrices),
  },
  ...defaults.map(({ base, of }, i): Row => ({
    n: i + 8,
    title: `${base.name} at ξ = 0 is ${of}`,
    check: 'trajectory',
    problem: plain(base, i + 8),
  })),
  ...furtherDefaults.map(({ base, of }, i): Row => ({
    n: i + 201,
    title: `${base.name} at ξ = 0 is ${of}`,
    check: 'trajectory',
    problem: plain(base, i + 201),
  })),
])

const withFallback = (more: Partial<PlainTransformation>, seed: number): Problem => ({
  transformation: { base: { name: 'muon' }, learningRate: 0.125, xi: 0.25, ...more },
  parameters: [...matrices, ...mixed],
  steps: 6,
  seed,
  ...(more.embedding === undefined ? {} : { loss: { first: 3, ratio: 0.75 } }),
})

const fallbacks = table('step/fallback', [
  {
    n: 101,
    title: 'muon hands what is no matrix to adam, and s sums over both',
    check: 'trajectory',
    problem: withFallback({}, 31),
  },
  {
    n: 102,
    title: 'muon hands what is no matrix to the fallback that is given',
    check: 'trajectory',
    problem: withFallback({ fallback: { name: 'sgd', momentum: 0.5 } }, 32),
  },
  {
    n: 103,
    title: 'muon with a fallback under log',
    check: 'trajectory',
    problem: withFallback({ embedding: { name: 'log' } }, 33),
  },
])

/** Trajectories of every base under every embedding, in both element types. */
export const stepCases: readonly Case[] = [...trajectories, ...plainBases, ...fallbacks]
