import { adam, heavyBall, identity, inducedMetric, log, sgd, type Transformation } from '@induced-metric/core'

import type { OptimizerId, Row } from './rows.js'

/** The names of the optimisers in tables and charts. */
export const optimizerTitles: Readonly<Record<OptimizerId, string>> = {
  identity: 'Induced, identity',
  log: 'Induced, log',
  rms: 'Induced, RMS',
  adam: 'Adam',
  sgd: 'SGD with momentum',
  muon: 'Muon (Nesterov Adam)',
}

/** The optimiser of a published run, or with other settings. */
export function transformationOf({
  optimizer,
  learningRate,
  momentum,
  beta2 = 0.999,
  xi = 0,
}: Pick<Row, 'optimizer' | 'learningRate' | 'momentum' | 'beta2' | 'xi'>): Transformation {
  const metric = { learningRate, xi, beta: 0 }
  switch (optimizer) {
    case 'identity':
      return inducedMetric(sgd({ momentum }), { ...metric, embedding: identity() })
    case 'log':
      return inducedMetric(sgd({ momentum }), { ...metric, embedding: log() })
    case 'rms':
      return inducedMetric(adam({ beta1: momentum, beta2 }), { ...metric, embedding: identity() })
    case 'adam':
      return inducedMetric(adam({ beta1: momentum, beta2 }), metric)
    case 'sgd':
      return inducedMetric(heavyBall({ momentum }), metric)
    case 'muon':
      // Two variables form no matrix, so there is nothing to orthogonalise: the paper's run used Muon's fallback.
      return inducedMetric(adam({ beta1: momentum, beta2, nesterov: true }), metric)
  }
}
