import type { ReduceOnPlateau } from '@induced-metric/core'
import { checkOptions, optionError, show } from '@induced-metric/core/adapter'
import type { InducedOptimizer } from './inducedOptimizer.js'
import { isInduced } from './trainedModel.js'

/** Options of {@link plateauCallback}. */
export interface PlateauCallbackOptions {
  /** The name of the value to watch in the logs of an epoch. Default `'val_loss'`, which `fit` has with validation data. */
  readonly monitor?: string
}

/** A callback for `fit`, of the kind that TensorFlow.js calls `CustomCallbackArgs`. */
export interface PlateauCallback {
  onEpochEnd(epoch: number, logs?: Readonly<Record<string, number>>): void
}

/**
 * Makes a callback for `model.fit` that reduces the optimiser's learning rate when a value stops improving. It sets the rate
 * at the end of every epoch, in place of the transformation's number or schedule.
 *
 * @param optimizer the model's optimiser
 * @param plateau the result of the core's `reduceOnPlateau`, with the optimiser's learning rate to begin with; its state is
 *   not in checkpoints, so save it beside them
 * @throws ERR_OPTION for a wrong argument or option; at the end of an epoch, when `fit` reports no value of that name
 *
 * @example
 * ```ts
 * import { adam, inducedMetric, reduceOnPlateau } from '@induced-metric/core'
 * import { inducedOptimizer, plateauCallback } from '@induced-metric/tfjs'
 * import * as tf from '@tensorflow/tfjs'
 *
 * const learningRate = 0.01
 * const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] })
 * const optimizer = inducedOptimizer(tf, inducedMetric(adam(), { learningRate }))
 * model.compile({ optimizer, loss: 'meanSquaredError' })
 * const plateau = reduceOnPlateau({ learningRate, patience: 3 })
 * await model.fit(tf.randomNormal([64, 2]), tf.randomNormal([64, 1]), {
 *   epochs: 4,
 *   verbose: 0,
 *   validationSplit: 0.25,
 *   callbacks: plateauCallback(optimizer, plateau),
 * })
 * ```
 */
export function plateauCallback(
  optimizer: InducedOptimizer,
  plateau: ReduceOnPlateau,
  options: PlateauCallbackOptions = {},
): PlateauCallback {
  checkOptions('plateauCallback', options, { monitor: 'any' })
  if (!isInduced(optimizer)) {
    throw optionError(
      `plateauCallback takes an optimiser of inducedOptimizer() first, given ${show(optimizer)}`,
    )
  }
  if (typeof (plateau as Partial<ReduceOnPlateau> | null | undefined)?.update !== 'function') {
    throw optionError(`plateauCallback takes what reduceOnPlateau() returned second, given ${show(plateau)}`)
  }
  const { monitor = 'val_loss' } = options
  return {
    onEpochEnd(_epoch, logs = {}) {
      const value = logs[monitor]
      if (value === undefined) {
        const known = Object.keys(logs).join(', ')
        throw optionError(`plateauCallback: fit reports no ${monitor}, only ${known}; choose another monitor`)
      }
      optimizer.learningRate = plateau.update(value)
    },
  }
}
