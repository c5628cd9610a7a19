import {
  adam,
  algebra,
  createOptimizer,
  defineEmbedding,
  identity,
  inducedMetric,
  linear,
  log,
  sgd,
  type Transformation,
} from '@induced-metric/core'

import type { OptimizerEntry } from './optimizer.js'

/** f = 2√L, h = L: ρ = L/(L + v̂), the only power of the loss whose brake does not depend on its scale. */
const root = defineEmbedding({
  name: 'root',
  slope: (loss) => algebra.div(1, algebra.sqrt(loss)),
  descends: () => 1,
  domain: (loss) => loss,
  factor: (loss, metric) => algebra.div(loss, algebra.add(loss, metric)),
})

/** An optimiser that is a transformation of the core's. */
function entry(
  id: string,
  title: string,
  description: string,
  transform: (rate: number, steps: number) => Transformation,
): OptimizerEntry {
  return {
    id,
    title,
    description,
    create({ parameters, rate, steps }) {
      const optimizer = createOptimizer(transform(rate, steps), parameters)
      return {
        step: (gradients, loss) => void optimizer.step(gradients, { loss }),
        dispose: () => optimizer.dispose(),
      }
    },
  }
}

const momentum = { momentum: 0.9 } as const
const onBadLoss = 'zero'

/** The optimisers that the core has, all with its default hyperparameters. */
export const induced: readonly OptimizerEntry[] = [
  entry('adam', 'Adam', 'β₁ .9, β₂ .999, at a constant learning rate.', (learningRate) =>
    inducedMetric(adam(), { learningRate, xi: 0 }),
  ),
  entry(
    'adam-linear',
    'Adam, linear decay',
    'The learning rate falls to 0 in a straight line.',
    (learningRate, steps) =>
      inducedMetric(adam(), { learningRate: linear({ from: learningRate, to: 0, steps }), xi: 0 }),
  ),
  entry('adam-clip', 'Adam, clipped', 'The gradient is scaled down to the norm 1.', (learningRate) =>
    inducedMetric(adam(), { learningRate, xi: 0, clipNorm: 1 }),
  ),
  entry('adam-identity', 'Adam, identity', 'The induced metric with ξ = 1/N.', (learningRate) =>
    inducedMetric(adam(), { learningRate, embedding: identity() }),
  ),
  entry('adam-log', 'Adam, log', 'The logarithm of the loss, with ξ = η.', (learningRate) =>
    inducedMetric(adam(), { learningRate, xi: learningRate, embedding: log(), onBadLoss }),
  ),
  entry('adam-root', 'Adam, root', 'The square root of the loss, with ξ = η.', (learningRate) =>
    inducedMetric(adam(), { learningRate, xi: learningRate, embedding: root(), onBadLoss }),
  ),
  entry('sgd', 'SGD', 'With an averaged momentum of .9.', (learningRate) =>
    inducedMetric(sgd(momentum), { learningRate, xi: 0 }),
  ),
  entry('sgd-root', 'SGD, root', 'The square root of the loss, with ξ = η.', (learningRate) =>
    inducedMetric(sgd(momentum), { learningRate, xi: learningRate, embedding: root(), onBadLoss }),
  ),
]
