import {
  adam,
  heavyBall,
  identity,
  inducedMetric,
  log,
  muon,
  sgd,
  type Transformation,
} from '@induced-metric/core'

import { rateSetting, type Rate } from './rates.js'

/** The Adam that every framework has. */
export interface StockAdam {
  readonly learningRate: number
  readonly beta1: number
  readonly beta2: number
  readonly epsilon: number
}

/** One optimiser: with the paper's best settings and results, or at one of several learning rates. */
export interface Setting {
  readonly id: string
  readonly title: string
  /** One line for the report. */
  readonly description: string
  readonly transformation: Transformation
  /** A framework that has its own Adam trains with that instead, so that the baseline is not our code. */
  readonly stock?: StockAdam
  /** Set where it is one of a row of learning rates. */
  readonly rate?: Rate
  /** The frameworks it runs in; by default all. */
  readonly only?: readonly string[]
  readonly published: {
    /** Test accuracy after these epochs. */
    readonly byEpoch: Readonly<Record<number, number>>
    /** The best of several hundred runs of 200 epochs. */
    readonly best?: number
  }
}

const stockAdam: StockAdam = { learningRate: 0.00938, beta1: 0.8376, beta2: 0.9629, epsilon: 1e-8 }

/** The paper's optimisers at its best settings, and AdamW. */
export const paperSettings: readonly Setting[] = [
  {
    id: 'adam',
    title: 'Adam',
    description: "Baseline: the framework's own Adam. Learning rate .00938, β₁ .8376, β₂ .9629.",
    transformation: inducedMetric(adam({ beta1: stockAdam.beta1, beta2: stockAdam.beta2 }), {
      learningRate: stockAdam.learningRate,
      xi: 0,
    }),
    stock: stockAdam,
    published: { byEpoch: { 1: 0.948 }, best: 0.98069 },
  },
  {
    id: 'adamw',
    title: 'AdamW',
    description: "Baseline, not from the paper: Adam's settings with a decoupled decay of .01; ξ is 0.",
    transformation: inducedMetric(adam({ beta1: stockAdam.beta1, beta2: stockAdam.beta2 }), {
      learningRate: stockAdam.learningRate,
      xi: 0,
      weightDecay: 0.01,
    }),
    published: { byEpoch: {} },
  },
  {
    id: 'sgd',
    title: 'SGD',
    description: 'Baseline: SGD with momentum, b = .401·b + g, and learning rate .317; ξ is 0.',
    transformation: inducedMetric(heavyBall({ momentum: 0.401 }), { learningRate: 0.317, xi: 0 }),
    published: { byEpoch: {}, best: 0.98025 },
  },
  {
    id: 'muon',
    title: 'Muon',
    description: 'Baseline: Muon, and Adam for the biases. Learning rate .00274, momentum .9088; ξ is 0.',
    transformation: inducedMetric(muon({ momentum: 0.9088 }), { learningRate: 0.00274, xi: 0 }),
    published: { byEpoch: { 5: 0.9128 }, best: 0.98112 },
  },
  {
    id: 'identity',
    title: 'Induced, identity',
    description:
      'SGD base, the loss itself as height. Learning rate .665, momentum .9166, ξ 7.43e-5, β .889, decay 4.0e-4.',
    transformation: inducedMetric(sgd({ momentum: 0.9166 }), {
      learningRate: 0.665,
      xi: 7.43e-5,
      beta: 0.889,
      weightDecay: 4.0e-4,
      embedding: identity(),
    }),
    published: { byEpoch: { 1: 0.9068, 2: 0.931 }, best: 0.98166 },
  },
  {
    id: 'log',
    title: 'Induced, log',
    description:
      'SGD base, log of the loss as height. Learning rate .1422, momentum .9069, ξ 3.08e-3, β .703, decay 7.9e-3.',
    transformation: inducedMetric(sgd({ momentum: 0.9069 }), {
      learningRate: 0.1422,
      xi: 3.08e-3,
      beta: 0.703,
      weightDecay: 7.9e-3,
      embedding: log(),
    }),
    published: { byEpoch: { 3: 0.9165 }, best: 0.98329 },
  },
  {
    id: 'rms',
    title: 'Induced, RMS',
    description:
      'Adam base, the loss itself as height. Learning rate 4.75e-3, momentum .9075, β₂ .9882, ξ 7.6e-4, β .652, decay 2.3e-6.',
    transformation: inducedMetric(adam({ beta1: 0.9075, beta2: 0.9882 }), {
      learningRate: 4.75e-3,
      xi: 7.6e-4,
      beta: 0.652,
      weightDecay: 2.3e-6,
      embedding: identity(),
    }),
    published: { byEpoch: {}, best: 0.98155 },
  },
]

/** The optimisers of the demonstration, in the order in which they run. */
export const settings: readonly Setting[] = [
  ...paperSettings,
  // The framework where a run takes the least time.
  ...(['none', 'root'] as const).flatMap((metric) =>
    [0.01, 1, 100].map((learningRate) => ({
      ...rateSetting({ base: 'adam', metric, learningRate }),
      only: ['onnxruntime'],
    })),
  ),
]
