import { checkOptions, optionError } from '@induced-metric/core/adapter'
import type { Tensor } from './namespace.js'
import { optimizerOf, type TrainedModel } from './trainedModel.js'

/** Options of {@link bestWeightsCallback}. */
export interface BestWeightsCallbackOptions {
  /** The name of the value to watch in the logs of an epoch. Default `'val_loss'`. */
  readonly monitor?: string
  /** Whether a smaller value is better (`'min'`, default) or a larger one (`'max'`). */
  readonly mode?: 'min' | 'max'
  /**
   * Whether the weights to evaluate with are kept (see `withEvaluationWeights`), as `evaluationCallback` measures them, in
   * place of those that train. Default false.
   */
  readonly evaluationWeights?: boolean
}

/** A callback for `fit`, of the kind that TensorFlow.js calls `CustomCallbackArgs`. */
export interface BestWeightsCallback {
  /** The best value so far, and its epoch, from 0; `undefined` before the first. */
  readonly best: { readonly value: number; readonly epoch: number } | undefined
  onTrainBegin(): void
  onEpochEnd(epoch: number, logs?: Readonly<Record<string, number>>): void
  onTrainEnd(): void
}

/**
 * Makes a callback for `model.fit` that gives the model, at the end of the training, the weights of the epoch with the best
 * value. The optimiser's state stays that of the last epoch. NaN is never the best.
 *
 * @param model the model that is trained; any optimiser will do without `evaluationWeights`
 * @throws ERR_OPTION for a wrong option; at the end of an epoch, when there is no value of that name
 *
 * @example
 * ```ts
 * import { adam, inducedMetric } from '@induced-metric/core'
 * import { bestWeightsCallback, inducedOptimizer } from '@induced-metric/tfjs'
 * import * as tf from '@tensorflow/tfjs'
 *
 * const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] })
 * model.compile({ optimizer: inducedOptimizer(tf, inducedMetric(adam(), { learningRate: 0.1 })), loss: 'meanSquaredError' })
 * const best = bestWeightsCallback(model)
 * await model.fit(tf.randomNormal([64, 2]), tf.ones([64, 1]), { epochs: 3, verbose: 0, validationSplit: 0.25, callbacks: best })
 * console.log(best.best?.epoch)
 * ```
 */
export function bestWeightsCallback(
  model: TrainedModel,
  options: BestWeightsCallbackOptions = {},
): BestWeightsCallback {
  const owner = 'bestWeightsCallback'
  checkOptions(owner, options, { monitor: 'any', mode: ['min', 'max'], evaluationWeights: 'boolean' })
  const { monitor = 'val_loss', mode = 'min', evaluationWeights = false } = options
  if (evaluationWeights) optimizerOf(owner, model)
  let best: BestWeightsCallback['best']
  let weights: Tensor[] = []
  const copies = (): Tensor[] => model.getWeights().map((weight) => weight.clone())
  const forget = (): void => {
    for (const weight of weights) weight.dispose()
    weights = []
  }
  return {
    get best() {
      return best
    },
    onTrainBegin() {
      forget()
      best = undefined
    },
    onEpochEnd(epoch, logs = {}) {
      const value = logs[monitor]
      if (value === undefined) {
        const known = Object.keys(logs).join(', ')
        throw optionError(`${owner}: fit reports no ${monitor}, only ${known}; choose another monitor`)
      }
      const isBetter = best === undefined || (mode === 'min' ? value < best.value : value > best.value)
      if (Number.isNaN(value) || !isBetter) return
      forget()
      weights = evaluationWeights ? optimizerOf(owner, model).withEvaluationWeights(copies) : copies()
      best = { value, epoch }
    },
    onTrainEnd() {
      if (weights.length > 0) model.setWeights(weights)
      forget()
    },
  }
}
