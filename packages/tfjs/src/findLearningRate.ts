import {
  findLearningRate as searchRates,
  type Checkpoint,
  type RateSearch,
  type TrainingSearchOptions,
} from '@induced-metric/core'
import { checkTraining } from '@induced-metric/core/adapter'
import type { Tensor } from './namespace.js'
import { optimizerOf, type TrainedModel } from './trainedModel.js'

/**
 * Searches for the learning rate of a compiled model: trains with rates that grow from call to call until the loss diverges,
 * then puts weights and the optimiser's state back, bit for bit. See the core's `findLearningRate`. Random numbers, as of
 * dropout, go on.
 *
 * @param model a `tf.LayersModel`, compiled with the result of `inducedOptimizer`
 * @param train trains for a step and returns the loss, as `() => model.trainOnBatch(x, y)`; of several numbers, the first is the
 *   loss. It is given the number of the call, from 0
 * @param options `from`, `to`, `steps`, `smoothing`, `divergence`; `xi` and `setXi`
 * @returns the sweep, a suggestion, and charts
 * @throws ERR_OPTION for a wrong option or another optimiser; what `train` throws. Weights and state have been put back then, too.
 *
 * @example
 * ```ts
 * import { adam, inducedMetric } from '@induced-metric/core'
 * import { findLearningRate, inducedOptimizer } from '@induced-metric/tfjs'
 * import * as tf from '@tensorflow/tfjs'
 *
 * const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] })
 * const optimizer = inducedOptimizer(tf, inducedMetric(adam(), { learningRate: 0.01 }))
 * model.compile({ optimizer, loss: 'meanSquaredError' })
 * const [x, y] = [tf.randomNormal([32, 2]), tf.ones([32, 1])]
 * const found = await findLearningRate(model, () => model.trainOnBatch(x, y), { steps: 40 })
 * console.log(found.text())
 * if (found.suggestion !== undefined) optimizer.learningRate = found.suggestion
 * ```
 */
export async function findLearningRate(
  model: TrainedModel,
  train: (index: number) => number | number[] | Promise<number | number[]>,
  { setXi, ...options }: TrainingSearchOptions = {},
): Promise<RateSearch> {
  const optimizer = optimizerOf('findLearningRate', model)
  checkTraining(train)
  const kept: Tensor[] = []
  try {
    return await searchRates<{ readonly weights: Tensor[]; readonly state: Checkpoint }>(
      {
        async step(learningRate, index) {
          optimizer.learningRate = learningRate
          const [loss] = [await train(index)].flat()
          return { loss: loss!, scale: (await optimizer.report()).scale }
        },
        async save() {
          const state = await optimizer.save()
          const weights = model.getWeights().map((weight) => weight.clone())
          kept.push(...weights)
          return { weights, state }
        },
        load({ weights, state }) {
          model.setWeights(weights)
          optimizer.load(state)
        },
        ...(setXi && { setXi }),
      },
      options,
    )
  } finally {
    for (const weight of kept) weight.dispose()
  }
}
