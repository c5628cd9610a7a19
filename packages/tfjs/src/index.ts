/**
 * Induced-metric optimisers for TensorFlow.js.
 *
 * @packageDocumentation
 */
import type { FromJSONOptions, Transformation } from '@induced-metric/core'
import type { TensorFlow } from './namespace.js'
import type { InducedOptimizer, InducedOptimizerOptions } from './inducedOptimizer.js'
import { addDefinitions } from './definitions.js'
import { optimizerClass } from './optimizer.js'

export type { TensorFlow } from './namespace.js'
export type { InducedOptimizer, InducedOptimizerOptions } from './inducedOptimizer.js'
export {
  bestWeightsCallback,
  type BestWeightsCallback,
  type BestWeightsCallbackOptions,
} from './bestWeightsCallback.js'
export {
  evaluationCallback,
  type EvaluationCallback,
  type EvaluationCallbackOptions,
} from './evaluationCallback.js'
export { findLearningRate } from './findLearningRate.js'
export type { TrainedModel } from './trainedModel.js'
export { plateauCallback, type PlateauCallback, type PlateauCallbackOptions } from './plateauCallback.js'

/**
 * Creates an induced-metric optimiser for TensorFlow.js, for use with `compile` and `fit`, `trainOnBatch`, `minimize`, or
 * `computeGradients` and `applyGradients`.
 *
 * @param tf the TensorFlow.js namespace that trains: `import * as tf from '@tensorflow/tfjs'`
 * @param transformation the result of `inducedMetric`
 * @returns a `tf.Optimizer`; dispose of it when done
 * @throws ERR_OPTION when an argument is not a namespace, a transformation or valid options
 *
 * @example
 * ```ts
 * import { adam, inducedMetric } from '@induced-metric/core'
 * import { inducedOptimizer } from '@induced-metric/tfjs'
 * import * as tf from '@tensorflow/tfjs'
 *
 * const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] })
 * const optimizer = inducedOptimizer(tf, inducedMetric(adam(), { learningRate: 0.01 }))
 * model.compile({ optimizer, loss: 'meanSquaredError' })
 * await model.fit(tf.randomNormal([32, 2]), tf.randomNormal([32, 1]), { epochs: 2, verbose: 0 })
 * console.log((await optimizer.report()).scale)
 * ```
 */
export function inducedOptimizer(
  tf: TensorFlow,
  transformation: Transformation,
  options?: InducedOptimizerOptions,
): InducedOptimizer {
  return new (optimizerClass(tf))(transformation, options)
}

/**
 * Registers the optimiser with TensorFlow.js, so that a program that has not created one yet can load a model that was
 * saved with one.
 *
 * @param tf the TensorFlow.js namespace that loads
 * @param own the results of `definePreconditioner` and `defineEmbedding`, where models were saved with bases or embeddings
 *   of your own; they add to those of earlier calls
 * @throws ERR_OPTION when an argument is not a namespace or a definition, or when two definitions have the same name
 *
 * @example
 * ```ts no-run
 * import { registerInducedOptimizer } from '@induced-metric/tfjs'
 * import * as tf from '@tensorflow/tfjs'
 *
 * registerInducedOptimizer(tf)
 * const model = await tf.loadLayersModel('indexeddb://digits')
 * ```
 */
export function registerInducedOptimizer(tf: TensorFlow, own: FromJSONOptions = {}): void {
  optimizerClass(tf)
  addDefinitions(tf, own)
}
