import { checkOptions, optionError, show } from '@induced-metric/core/adapter'
import { optimizerOf, type TrainedModel } from './trainedModel.js'

/** Options of {@link evaluationCallback}. */
export interface EvaluationCallbackOptions {
  /** The number of examples that are evaluated at once. Default: that of `model.evaluate`. */
  readonly batchSize?: number
  /** The beginning of the names of the values in the logs. Default `'val_'`, as those of `fit`'s own validation. */
  readonly prefix?: string
}

/** A callback for `fit`, of the kind that TensorFlow.js calls `CustomCallbackArgs`. */
export interface EvaluationCallback {
  onEpochEnd(epoch: number, logs?: Record<string, number>): Promise<void>
}

/**
 * Makes a callback for `model.fit` that evaluates the model at the end of every epoch with the weights to evaluate with: the
 * average, the slow weights or those of the base (see `withEvaluationWeights`). It puts the loss and the metrics into the logs, where
 * the history and the callbacks after it in the list find them. Give the validation data to it instead of `fit`.
 *
 * @param model the model that is trained
 * @param x inputs, and `y` targets, as `model.evaluate` takes them
 * @throws ERR_OPTION for a wrong option, or a model with another optimiser
 *
 * @example
 * ```ts
 * import { adam, inducedMetric } from '@induced-metric/core'
 * import { evaluationCallback, inducedOptimizer } from '@induced-metric/tfjs'
 * import * as tf from '@tensorflow/tfjs'
 *
 * const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] })
 * const transformation = inducedMetric(adam(), { learningRate: 0.01, averageWeights: { ema: 0.9 } })
 * model.compile({ optimizer: inducedOptimizer(tf, transformation), loss: 'meanSquaredError' })
 * const { history } = await model.fit(tf.randomNormal([64, 2]), tf.ones([64, 1]), {
 *   epochs: 2,
 *   verbose: 0,
 *   callbacks: evaluationCallback(model, tf.randomNormal([16, 2]), tf.ones([16, 1])),
 * })
 * console.log(history['val_loss'])
 * ```
 */
export function evaluationCallback<M extends TrainedModel>(
  model: M,
  x: Parameters<M['evaluate']>[0],
  y: Parameters<M['evaluate']>[1],
  options: EvaluationCallbackOptions = {},
): EvaluationCallback {
  const owner = 'evaluationCallback'
  checkOptions(owner, options, { batchSize: { kind: 'integer', min: 1 }, prefix: 'any' })
  optimizerOf(owner, model)
  if ([x, y].includes(undefined as never)) {
    throw optionError(
      `${owner} takes (model, x, y): the data to evaluate with; given ${show(x)} and ${show(y)}`,
    )
  }
  const { batchSize, prefix = 'val_' } = options
  return {
    async onEpochEnd(_epoch, logs = {}) {
      // A model may have been compiled again.
      const optimizer = optimizerOf(owner, model)
      const args = { verbose: 0, ...(batchSize !== undefined && { batchSize }) }
      const results = optimizer.withEvaluationWeights(() => [model.evaluate(x, y, args)].flat())
      const values = await Promise.all(results.map((result) => result.data()))
      for (const result of results) result.dispose()
      model.metricsNames.forEach((name, i) => (logs[`${prefix}${name}`] = values[i]![0]!))
    },
  }
}
