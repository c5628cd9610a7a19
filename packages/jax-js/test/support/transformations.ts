import {
  adagrad,
  adam,
  heavyBall,
  inducedMetric,
  lion,
  log,
  logDamped,
  muon,
  rateFree,
  rmsprop,
  root,
  sgd,
  type Transformation,
} from '@induced-metric/core'
import { inducedOptimizer } from '@induced-metric/jax-js'

export const learningRate = 0.02
/** Transformations that together use what a step can have, and what they are called. */
export const transformations: Record<string, Transformation> = {
  'sgd with momentum': inducedMetric(sgd({ momentum: 0.9 }), { learningRate }),
  'adam, log and weight decay': inducedMetric(adam(), { learningRate, embedding: log(), weightDecay: 0.1 }),
  'adam itself': inducedMetric(adam(), { learningRate, xi: 0 }),
  'heavyBall, clipped': inducedMetric(heavyBall({ nesterov: true }), { learningRate, clipNorm: 0.3 }),
  rmsprop: inducedMetric(rmsprop({ centered: true, momentum: 0.5, epsilon: 1e-3 }), { learningRate }),
  'adagrad and logDamped': inducedMetric(adagrad(), { learningRate, embedding: logDamped() }),
  'lion, a metric for each parameter': inducedMetric(lion(), { learningRate, metricScope: 'parameter' }),
  'muon, a floor that follows, averaged weights': inducedMetric(muon(), {
    learningRate,
    embedding: root({ floor: 'follow' }),
    averageWeights: 8,
  }),
  'adam without a rate': rateFree(adam(), { learningRate: 0.3, steps: 10 }),
  'groups, clipped each': inducedMetric(adam(), {
    learningRate,
    metricScope: 'group',
    clipNorm: 1,
    groups: { flat: { base: sgd(), weightDecay: 0.1, learningRate: 0.05, clipNorm: 0.2 } },
  }),
  'adam, accumulated': inducedMetric(adam(), {
    learningRate,
    embedding: log(),
    accumulate: 3,
    weightDecay: 0.1,
  }),
  'adam with the limits of gradients': inducedMetric(adam(), {
    learningRate,
    clipValue: 0.2,
    adaptiveClip: 0.05,
    clipNorm: { norm: 0.1, per: 'parameter' },
  }),
  'adam with lookahead and a moving average': inducedMetric(adam(), {
    learningRate,
    lookahead: { syncPeriod: 2 },
    averageWeights: { ema: 0.5 },
  }),
  'sgd with the mean of some weights': inducedMetric(sgd(), {
    learningRate,
    averageWeights: { swa: { start: 2, every: 2 } },
  }),
}

/** Its optimiser, where everything but matrices is in the group `flat`. */
export const optimizerOf = (transformation: Transformation) =>
  inducedOptimizer(transformation, {
    groupOf: ({ shape }) => (shape.length < 2 ? 'flat' : undefined),
  })
