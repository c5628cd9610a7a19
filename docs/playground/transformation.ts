import {
  identity,
  inducedMetric,
  log,
  logDamped,
  root,
  type Embedding,
  type Preconditioner,
  type Transformation,
} from '@induced-metric/core'
import { bases, type BaseId } from './bases.js'
import { factoryOf, ownEmbedding } from './parts.js'
import type { Settings } from './settings.js'

/** A run's hyperparameters that may be functions of the step, so that one optimiser serves many runs. */
export interface Scheduled {
  readonly learningRate?: () => number
  readonly xi?: () => number
}

/** The base, with its momentum. */
function createBase(id: BaseId, momentum: number): Preconditioner {
  const option = bases[id]
  return factoryOf(id)(option === undefined ? {} : { [option]: momentum })
}

/** The embedding, with its floor. */
function createEmbedding({ embedding, embeddingFormula, floor }: Settings): Embedding {
  if (embedding === 'identity') return identity()
  if (embedding !== 'own') return { root, log, logDamped }[embedding]({ floor })
  return ownEmbedding(embeddingFormula)
}

/**
 * The optimiser that settings mean, whose parts have been loaded.
 *
 * @throws FormulaError for a typed embedding that is none; InducedMetricError for options that the core refuses
 */
export function createTransformation(settings: Settings, scheduled: Scheduled = {}): Transformation {
  const { base, momentum, rate, xiMode, beta } = settings
  const learningRate = scheduled.learningRate ?? rate
  return inducedMetric(createBase(base, momentum), {
    learningRate,
    xi: scheduled.xi ?? { number: settings.xi, rate: { perRate: settings.perRate }, off: 0 }[xiMode],
    beta,
    embedding: createEmbedding(settings),
    onBadLoss: 'zero',
  })
}

/** The optimiser beside it: a base at the same learning rate. */
export function createBeside({ base, momentum, rate, beside }: Settings): Transformation {
  return inducedMetric(createBase(beside === 'same' ? base : 'heavyBall', momentum), {
    learningRate: rate,
    xi: 0,
  })
}
