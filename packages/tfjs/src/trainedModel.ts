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
export function optimizerOf(owner: string, { optimizer }: Pick<TrainedModel, 'optimizer'>): InducedOptimizer {
  if (typeof (optimizer as Partial<InducedOptimizer> | undefined)?.withEvaluationWeights === 'function')
    return optimizer as InducedOptimizer
  throw optionError(`${owner}: compile the model with an optimiser of inducedOptimizer() first`)
}
