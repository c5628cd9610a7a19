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

/**
 * Makes an induced-metric optimiser for TensorFlow.js, for `compile` and `fit`, `trainOnBatch`, `minimize`, or
 * `computeGradients` with `applyGradients`.
 *
 * @param tf the TensorFlow.js namespace that trains: `import * as tf from '@tensorflow/tfjs'`
 * @param transformation what `inducedMetric` returned
 * @returns a `tf.Optimizer`; dispose of it when done
 * @throws ERR_OPTION when the arguments are no namespace, no transformation or no options
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
 * Makes the optimiser known to TensorFlow.js, so that a model saved with it can be loaded in a program that has not made
 * one yet.
 *
 * @param tf the TensorFlow.js namespace that loads
 * @param own what `definePreconditioner` and `defineEmbedding` returned, where models were saved with bases or embeddings of
 *   your own; they add to those of earlier calls
 * @throws ERR_OPTION when the arguments are no namespace or no definitions, or two have one name
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
