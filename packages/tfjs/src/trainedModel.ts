import { optionError } from '@induced-metric/core/adapter'
import type { InducedOptimizer } from './inducedOptimizer.js'
import type { Tensor } from './namespace.js'

/** The part of a `tf.LayersModel` that these functions use. It is compiled with an induced-metric optimiser. */
export interface TrainedModel {
  readonly optimizer: object
  readonly metricsNames: readonly string[]
  getWeights(): Tensor[]
  setWeights(weights: Tensor[]): void
  evaluate(x: never, y: never, args?: object): Tensor | Tensor[]
}

/**
 * The optimiser of a model.
 *
 * @throws ERR_OPTION unless it is one of this package
 */
export function optimizerOf(
  owner: string,
  model: Pick<TrainedModel, 'optimizer'> | undefined,
): InducedOptimizer {
  const optimizer = model?.optimizer
  if (isInduced(optimizer)) return optimizer
  throw optionError(`${owner}: compile the model with an optimiser of inducedOptimizer() first`)
}

/** Whether a value is an optimiser of this package, perhaps of another copy of it. */
export function isInduced(value: unknown): value is InducedOptimizer {
  return typeof (value as Partial<InducedOptimizer> | null | undefined)?.withEvaluationWeights === 'function'
}
