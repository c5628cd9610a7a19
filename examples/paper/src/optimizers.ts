import {
  adam,
  heavyBall,
  identity,
  inducedMetric,
  log,
  muon,
  sgd,
  type Schedule,
  type Transformation,
} from '@induced-metric/core'
import { logUniform, quasiRandom, uniform, type Space } from '@induced-metric/sweep'

/** The paper's optimisers. */
export const optimizerIds = ['adam', 'adamw', 'sgd', 'muon', 'identity', 'log', 'rms'] as const
export type OptimizerId = (typeof optimizerIds)[number]

/** The hyperparameters of a run; each optimiser reads its own. */
export interface Settings {
  readonly learningRate: number
  readonly momentum: number
  readonly beta2?: number
  readonly xi?: number
  readonly beta?: number
  readonly weightDecay?: number
}

const momentum = uniform(0.3, 0.99)
const beta2 = uniform(0.9, 0.999)
const xi = logUniform(1e-5, 1e-2)
const beta = uniform(0.5, 0.95)
const weightDecay = logUniform(1e-6, 1e-2)

/** What is searched for each optimiser: the paper's hyperparameters, in ranges around its best settings. */
const spaces: Readonly<Record<OptimizerId, Space>> = {
  adam: { learningRate: logUniform(1e-3, 0.1), momentum, beta2 },
  adamw: { learningRate: logUniform(1e-3, 0.1), momentum, beta2, weightDecay },
  sgd: { learningRate: logUniform(0.01, 1), momentum },
  muon: { learningRate: logUniform(1e-3, 0.1), momentum },
  identity: { learningRate: logUniform(0.03, 3), momentum, xi, beta, weightDecay },
  log: { learningRate: logUniform(0.01, 1), momentum, xi, beta, weightDecay },
  rms: { learningRate: logUniform(1e-3, 0.1), momentum, beta2, xi, beta, weightDecay },
}

/** The first configurations of a quasi-random search, the same number for each optimiser. */
export function drawSettings(optimizer: OptimizerId, count: number): Settings[] {
  const space = spaces[optimizer]
  const sampler = quasiRandom()
  return Array.from({ length: count }, (_, index) => {
    const drawn = Object.entries(sampler.propose({ space, index, seed: 0, tried: [] }))
    return Object.fromEntries(
      drawn.map(([name, value]) => [name, Number((value as number).toPrecision(3))]),
    ) as unknown as Settings
  })
}

/**
 * An optimiser with given settings.
 *
 * @param learningRate - of the settings, or a schedule in its place
 */
export function transform(
  optimizer: OptimizerId,
  settings: Settings,
  learningRate: number | Schedule = settings.learningRate,
): Transformation {
  const { momentum: mu, weightDecay: decay = 0 } = settings
  const { beta2: square = 0.999, xi: axis = 0, beta: average = 0.8 } = settings
  const common = { learningRate, weightDecay: decay, xi: axis, beta: average }
  switch (optimizer) {
    case 'adam':
    case 'adamw':
      return inducedMetric(adam({ beta1: mu, beta2: square }), common)
    case 'sgd':
      return inducedMetric(heavyBall({ momentum: mu }), common)
    case 'muon':
      return inducedMetric(muon({ momentum: mu }), { ...common, fallback: adam() })
    case 'identity':
      return inducedMetric(sgd({ momentum: mu }), { ...common, embedding: identity() })
    case 'log':
      return inducedMetric(sgd({ momentum: mu }), { ...common, embedding: log() })
    case 'rms':
      return inducedMetric(adam({ beta1: mu, beta2: square }), { ...common, embedding: identity() })
  }
}
