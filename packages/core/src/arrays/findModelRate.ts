import type { Checkpoint } from '../checkpoint/checkpoint.js'
import {
  checkTraining,
  findLearningRate,
  type RateSearch,
  type TrainingSearchOptions,
} from '../transformation/findLearningRate.js'
import type { AdoptableParameter } from './adoption.js'
import type { ModelParameters } from './follower.js'
import type { ModelOptimizer } from './modelOptimizer.js'
import type { Parameter } from './types.js'

/** Everything that a step on a model changes. */
interface SavedModel {
  readonly weights: readonly (readonly ArrayLike<number>[])[]
  readonly state: Checkpoint
}

/**
 * Searches for a learning rate of a model's optimiser: the core's `findLearningRate` over the model's own weights, which are
 * put back in their arrays.
 *
 * @param train trains for one step, or a few, at the rate that the optimiser has then, and returns the loss; it is given the
 *   number of the call, from 0
 * @throws ERR_CHECKPOINT while the model has no weights; what `findLearningRate` throws
 *
 * @example
 * ```ts
 * import { inducedMetric, sgd } from '@induced-metric/core'
 * import { createModelOptimizer, findModelRate } from '@induced-metric/core/adapter'
 *
 * const weights = new Float32Array([3, -2])
 * const transformation = inducedMetric(sgd(), { learningRate: 0.1, xi: 0 })
 * const optimizer = createModelOptimizer(transformation, () => [{ name: 'w', shape: [2], data: weights }])
 * const found = await findModelRate(optimizer, () => {
 *   const loss = weights.reduce((sum, w) => sum + w * w, 0)
 *   optimizer.step([weights.map((w) => 2 * w)], { loss })
 *   return loss
 * })
 * console.log(found.suggestion)
 * ```
 */
export async function findModelRate<R extends ModelParameters>(
  optimizer: ModelOptimizer<R>,
  train: (index: number) => number | Promise<number>,
  { setXi, ...options }: TrainingSearchOptions = {},
): Promise<RateSearch> {
  checkTraining(train)
  return findLearningRate<SavedModel>(
    {
      async step(learningRate, index) {
        optimizer.learningRate = learningRate
        const loss = await train(index)
        return { loss, scale: optimizer.report.scale }
      },
      save() {
        // Throws while there are no weights.
        const state = optimizer.save()
        const weights = rowsOf(optimizer.follow()).map((rows) => rows.map((row) => Array.from(row)))
        return { weights, state }
      },
      load({ weights, state }) {
        rowsOf(optimizer.follow()).forEach((rows, index) =>
          rows.forEach((row, i) => {
            for (let k = 0; k < row.length; k++) row[k] = weights[index]![i]![k]!
          }),
        )
        optimizer.load(state)
      },
      ...(setXi && { setXi }),
    },
    options,
  )
}

/** An array that the model computes with. */
type Row = { [index: number]: number } & ArrayLike<number>

/** The arrays that hold each parameter's values: one, or one per row. */
function rowsOf(parameters: ModelParameters): Row[][] {
  const given: readonly (Parameter | AdoptableParameter)[] = parameters ?? []
  return given.map((parameter) =>
    'data' in parameter
      ? [parameter.data]
      : Array.from({ length: parameter.rows }, (_, row) => parameter.get(row)! as Row),
  )
}
