import {
  adam,
  createOptimizer,
  identity,
  inducedMetric,
  linear,
  lion,
  log,
  muon,
  rateFree,
  root,
  sgd,
  type Preconditioner,
  type Transformation,
} from '@induced-metric/core'

import type { OptimizerEntry } from './optimizer.js'

/** An optimiser that is a transformation of the core. */
function entry(
  id: string,
  title: string,
  description: string,
  transform: (rate: number, steps: number, floor: number | undefined) => Transformation,
): OptimizerEntry {
  return {
    id,
    title,
    description,
    create({ parameters, rate, steps, floor }) {
      const optimizer = createOptimizer(transform(rate, steps, floor), parameters)
      return {
        step: (gradients, loss) => void optimizer.step(gradients, { loss }),
        evaluated: () => optimizer.withEvaluationWeights(() => parameters.map(({ data }) => data.slice())),
        dispose: () => optimizer.dispose(),
      }
    },
  }
}

const momentum = { momentum: 0.9 } as const

/** A base at a constant learning rate, and with the square root of the loss. */
function pair(id: string, title: string, description: string, base: () => Preconditioner): OptimizerEntry[] {
  // Adam takes the parameters that Muon does not.
  const fallback = id === 'muon' ? { fallback: adam() } : {}
  return [
    entry(id, title, description, (learningRate) =>
      inducedMetric(base(), { learningRate, xi: 0, ...fallback }),
    ),
    entry(`${id}-root`, `${title}, root`, 'The square root of the loss, with ξ = η.', (learningRate) =>
      inducedMetric(base(), { learningRate, xi: 'rate', embedding: root(), ...fallback }),
    ),
  ]
}

const plain: readonly OptimizerEntry[] = [
  entry('adam', 'Adam', 'β₁ .9, β₂ .999, at a constant learning rate.', (learningRate) =>
    inducedMetric(adam(), { learningRate, xi: 0 }),
  ),
  entry(
    'adam-linear',
    'Adam, linear decay',
    'The learning rate falls linearly to 0.',
    (learningRate, steps) =>
      inducedMetric(adam(), { learningRate: linear({ from: learningRate, to: 0, steps }), xi: 0 }),
  ),
  entry('adam-clip', 'Adam, clipped', 'The gradient is scaled down to the norm 1.', (learningRate) =>
    inducedMetric(adam(), { learningRate, xi: 0, clipNorm: 1 }),
  ),
  entry('adam-identity', 'Adam, identity', 'The induced metric with ξ = 1/N.', (learningRate) =>
    inducedMetric(adam(), { learningRate, embedding: identity() }),
  ),
]

const tied: readonly OptimizerEntry[] = [
  entry('adam-log', 'Adam, log', 'The logarithm of the loss, with ξ = η.', (learningRate) =>
    inducedMetric(adam(), { learningRate, xi: 'rate', embedding: log() }),
  ),
  entry('adam-root', 'Adam, root', 'The square root of the loss, with ξ = η.', (learningRate) =>
    inducedMetric(adam(), { learningRate, xi: 'rate', embedding: root() }),
  ),
  entry('adam-root-10', 'Adam, root, κ = 10', 'The same, with ξ = 10η.', (learningRate) =>
    inducedMetric(adam(), { learningRate, xi: { perRate: 10 }, embedding: root() }),
  ),
  entry(
    'adam-follow',
    'Adam, root, following floor',
    'The same with ξ = η, above a floor that follows the losses.',
    (learningRate) =>
      inducedMetric(adam(), { learningRate, xi: 'rate', embedding: root({ floor: 'follow' }) }),
  ),
  entry(
    'adam-averaged',
    'Adam, averaged model',
    'The square root of an averaged model of the loss, with ξ = η.',
    (learningRate) =>
      inducedMetric(adam(), { learningRate, xi: 'rate', embedding: root(), averagedModel: true }),
  ),
  entry(
    'rate-free',
    'rateFree',
    '`rateFree(adam(), { steps })`, with the rate as its cap.',
    (learningRate, steps) => rateFree(adam(), { learningRate, steps }),
  ),
]

/** Shown only in the tables. */
const uncharted: readonly OptimizerEntry[] = [
  entry(
    'rate-free-average',
    'rateFree, no steps',
    '`rateFree(adam())`, evaluated with the averaged weights.',
    (learningRate) => rateFree(adam(), { learningRate }),
  ),
  entry(
    'rate-free-muon',
    'rateFree, Muon',
    '`rateFree(muon(), { steps, fallback: adam() })`.',
    (learningRate, steps) => rateFree(muon(), { learningRate, steps, fallback: adam() }),
  ),
  entry('rate-free-lion', 'rateFree, Lion', '`rateFree(lion(), { steps })`.', (learningRate, steps) =>
    rateFree(lion(), { learningRate, steps }),
  ),
  entry(
    'rate-free-long',
    'rateFree, β .99',
    '`rateFree(adam(), { steps, beta: .99 })`: a longer average of s than .8.',
    (learningRate, steps) => rateFree(adam(), { learningRate, steps, beta: 0.99 }),
  ),
  entry(
    'rate-free-floor',
    'rateFree, floor known',
    '`rateFree(adam(), { steps, floor })` with the floor of the loss.',
    (learningRate, steps, floor) => rateFree(adam(), { learningRate, steps, floor: floor ?? 0 }),
  ),
  entry(
    'rate-free-decay',
    'rateFree, decay',
    '`rateFree(adam(), { steps, weightDecay: .01 })`.',
    (learningRate, steps) => rateFree(adam(), { learningRate, steps, weightDecay: 0.01 }),
  ),
  entry(
    'adam-linear-decay',
    'Adam, linear decay, weight decay',
    'AdamW with `weightDecay: .01`, with its rate falling linearly to 0.',
    (learningRate, steps) =>
      inducedMetric(adam(), {
        learningRate: linear({ from: learningRate, to: 0, steps }),
        xi: 0,
        weightDecay: 0.01,
      }),
  ),
  entry(
    'rate-free-clip',
    'rateFree, clipped',
    '`rateFree(adam(), { steps, clipNorm: 1 })`.',
    (learningRate, steps) => rateFree(adam(), { learningRate, steps, clipNorm: 1 }),
  ),
  ...pair('muon', 'Muon', 'With Adam for parameters that are not matrices.', muon),
  ...pair('lion', 'Lion', 'β₁ .9, β₂ .99.', lion),
].map((one) => ({ ...one, isUncharted: true }))

/** The optimisers that the core has, all with its default hyperparameters. */
export const induced: readonly OptimizerEntry[] = [
  ...plain,
  ...tied,
  ...pair('sgd', 'SGD', 'With an averaged momentum of .9.', () => sgd(momentum)),
  ...uncharted,
]
