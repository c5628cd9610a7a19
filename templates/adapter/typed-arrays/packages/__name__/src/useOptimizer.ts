import type { Checkpoint, RateSearch, StepReport, TrainingSearchOptions, Transformation } from '@induced-metric/core'
import { checkOptions, createModelOptimizer, findModelRate, withGroups, type GroupOf } from '@induced-metric/core/adapter'
import { gradientsOf, parametersOf, replaceUpdate, type Model } from './framework.js'

/** The options of {@link useOptimizer}. */
export interface UseOptimizerOptions {
  /** Returns the label of a parameter's group, for `groups` of the transformation; `undefined` for none. */
  readonly groupOf?: GroupOf
}

/** The optimiser of a model. */
export interface OptimizerHandle {
  /** What the latest step did; before the first, a report with `step: 0`. */
  readonly report: StepReport
  /** The learning rate of the next step. Setting a number replaces the transformation's number or schedule. */
  learningRate: number
  /**
   * Runs a function while the model has the averages of its weights, if the transformation keeps any (`averageWeights`, or `rateFree`
   * without `steps`). Puts the model's own weights back when the function has returned or its promise is settled.
   */
  withEvaluationWeights<R>(evaluate: () => R): R
  /**
   * Searches for a learning rate: trains with rates that grow from call to call until the loss diverges, then puts weights and state
   * back. See the core's `findLearningRate`.
   *
   * @param train trains for one step, or a few, and returns the loss
   */
  findLearningRate(train: (index: number) => number | Promise<number>, options?: TrainingSearchOptions): Promise<RateSearch>
  /** A copy of the optimiser's state, which `load` takes here or in another adapter. */
  save(): Checkpoint
  /**
   * Continues from a saved state. The weights themselves are not in it.
   *
   * @throws ERR_CHECKPOINT when it belongs to another transformation or model; nothing has changed then
   */
  load(checkpoint: Checkpoint | Uint8Array): void
  /** Returns to the state before the first step, and to the transformation's learning rate. The weights stay. */
  reset(): void
  /** Restores the model's own update. The handle's methods throw ERR_DISPOSED from then on. */
  detach(): void
}

/**
 * Trains a model of __name__ with an induced-metric optimiser from now on.
 *
 * @param model the model whose update is replaced
 * @param transformation what `inducedMetric` returned
 * @throws ERR_OPTION for a wrong option; ERR_OPTION or ERR_SHAPE when the transformation does not fit the model's weights
 *
 * @example
 * ```ts no-run
 * import { adam, inducedMetric } from '@induced-metric/core'
 * import { useOptimizer, type Model } from '@induced-metric/__name__'
 *
 * declare const model: Model
 * const handle = useOptimizer(model, inducedMetric(adam(), { learningRate: 0.01 }))
 * ```
 */
export function useOptimizer(
  model: Model,
  transformation: Transformation,
  options: UseOptimizerOptions = {},
): OptimizerHandle {
  checkOptions('useOptimizer', options, { groupOf: 'function' })
  // A model that is initialised or loaded again may have other arrays. Training then starts over.
  const optimizer = createModelOptimizer(transformation, () => withGroups(parametersOf(model), options.groupOf))
  const restoreUpdate = replaceUpdate(model, (loss) => {
    optimizer.follow()
    optimizer.step(gradientsOf(model), loss === undefined ? {} : { loss })
  })
  return {
    get report() {
      return optimizer.report
    },
    get learningRate() {
      return optimizer.learningRate
    },
    set learningRate(value) {
      optimizer.learningRate = value
    },
    withEvaluationWeights: (evaluate) => optimizer.withEvaluationWeights(evaluate),
    findLearningRate: (train, options) => findModelRate(optimizer, train, options),
    save: () => optimizer.save(),
    load: (checkpoint) => optimizer.load(checkpoint),
    reset: () => optimizer.reset(),
    detach() {
      restoreUpdate()
      optimizer.dispose()
    },
  }
}
