import type { TypedArray } from '../dtype.js'
import { disposedError } from '../errors.js'
import { checkLearningRate, learningRateAt } from '../step/learningRate.js'
import type { StepReport } from '../step/report.js'
import { checkTransformation } from '../transformation/transformation.js'
import type { Transformation } from '../transformation/types.js'
import { Follower, type FollowedModel, type FollowingOptimizer, type ModelParameters } from './follower.js'
import { createOptimizer } from './optimizer.js'
import type { Optimizer, OptimizerOptions } from './types.js'

/** An optimiser of the weights that a model has at the time. */
export interface ModelOptimizer<R extends ModelParameters>
  extends
    FollowingOptimizer<R>,
    Pick<Optimizer, 'learningRate' | 'fixedLearningRate' | 'withEvaluationWeights'> {
  /**
   * Takes one step, as the `step` of an {@link Optimizer} does. A gradient that was written to an array of {@link gradients},
   * and is given as that array, is not copied.
   *
   * @throws the errors of that `step`; ERR_CHECKPOINT while the model has no parameters
   */
  step(gradients: readonly (TypedArray | null)[], options?: { readonly loss?: number }): StepReport
  /**
   * Returns to the state before the first step, as the `reset` of an {@link Optimizer} does: the learning rate is the
   * transformation's again. The model keeps its weights. It may have none yet.
   *
   * @throws ERR_OPTION within `withEvaluationWeights`; ERR_DISPOSED
   */
  reset(): void
  /** For an adopted model, an array per parameter to write its gradient to; else empty. Read it again after every step. */
  readonly gradients: readonly Float32Array[]
}

/**
 * Creates an optimiser over the arrays of a model that may replace them at any time, when it is initialised or loaded again.
 * The optimiser compares the arrays themselves: new values in the same arrays are the same weights. A learning rate that was
 * set stays set when it starts over.
 *
 * If `model` is a function, the arrays stay where they are, and the optimiser starts over when any of them has been replaced.
 * The parameters of an {@link AdoptableModel}, each in one array or in one per row, move to the optimiser's memory when the
 * model is first followed. The model then uses views of that memory, so that a step copies nothing. The optimiser starts over
 * when their owner or all arrays have been replaced, and takes over the values of single arrays.
 *
 * @param transformation what `inducedMetric` returned
 * @param model a function that returns the model's parameters as they are now, always in the same order, or an adoptable model
 * @param options `memory`, for an adoptable model: the `WebAssembly.Memory` to move to
 * @throws ERR_OPTION for a transformation that `inducedMetric` did not return; if `model` is a function, the errors of
 *   `createOptimizer`. For an adoptable model, `follow` throws those, and ERR_NOT_SUPPORTED for arrays that are not in single
 *   precision.
 *
 * @example
 * ```ts
 * import { adam, inducedMetric } from '@induced-metric/core'
 * import { createModelOptimizer } from '@induced-metric/core/adapter'
 *
 * const model = { weights: new Float32Array([1, -2]) }
 * const optimizer = createModelOptimizer(inducedMetric(adam(), { learningRate: 0.1 }), () => [
 *   { name: 'weights', shape: [2], data: model.weights },
 * ])
 * optimizer.step([model.weights.map((w) => 2 * w)])
 * model.weights = new Float32Array([3, 4]) // as from a file
 * optimizer.follow()
 * console.log(optimizer.report.step) // 0
 * ```
 *
 * @example
 * A model with an array per row, which is adopted:
 *
 * ```ts
 * import { adam, inducedMetric } from '@induced-metric/core'
 * import { createModelOptimizer } from '@induced-metric/core/adapter'
 *
 * const layer: { rows: Float32Array[] } = { rows: [new Float32Array([1, -2]), new Float32Array([3, 4])] }
 * const optimizer = createModelOptimizer(inducedMetric(adam(), { learningRate: 0.1 }), {
 *   owner: () => layer,
 *   parameters: () => [
 *     {
 *       name: 'weights',
 *       shape: [2, 2],
 *       rows: 2,
 *       get: (row) => layer.rows[row],
 *       set: (row, array) => (layer.rows[row] = array),
 *     },
 *   ],
 * })
 * optimizer.follow()
 * optimizer.gradients[0]!.set([2, -4, 6, 8])
 * optimizer.step(optimizer.gradients)
 * console.log(layer.rows[1]) // updated
 * ```
 */
export function createModelOptimizer<R extends ModelParameters>(
  transformation: Transformation,
  model: FollowedModel<R>,
  options: Pick<OptimizerOptions, 'memory'> = {},
): ModelOptimizer<R> {
  checkTransformation(transformation)
  return new FollowingModelOptimizer(transformation, model, options)
}

// A class: V8 keeps a literal that has accessors as a table, and every step would look up its members in it.
class FollowingModelOptimizer<R extends ModelParameters> implements ModelOptimizer<R> {
  readonly #follower: Follower<R, Optimizer>
  readonly #transformation: Transformation
  /** The learning rate that was set; it outlives the optimisers. */
  #rate: number | undefined

  constructor(
    transformation: Transformation,
    model: FollowedModel<R>,
    options: Pick<OptimizerOptions, 'memory'>,
  ) {
    this.#transformation = transformation
    this.#follower = new Follower<R, Optimizer>(model, (parameters, adopt) => {
      const optimizer = createOptimizer(transformation, parameters, { ...options, adopt })
      if (this.#rate !== undefined) optimizer.learningRate = this.#rate
      return { optimizer, memory: optimizer }
    })
  }

  get report(): StepReport {
    return this.#follower.report
  }

  get gradients(): readonly Float32Array[] {
    return this.#follower.adoption?.gradients ?? []
  }

  get learningRate(): number {
    return this.#follower.optimizer?.learningRate ?? learningRateAt(this.#transformation, this.#rate, 1)
  }

  set learningRate(value: number) {
    const { optimizer, isDisposed } = this.#follower
    if (isDisposed) throw disposedError()
    checkLearningRate(value)
    if (optimizer) optimizer.learningRate = value
    this.#rate = value
  }

  get fixedLearningRate(): number | undefined {
    return this.#rate
  }

  follow(): R {
    return this.#follower.follow()
  }

  step(gradients: readonly (TypedArray | null)[], options?: { readonly loss?: number }): StepReport {
    const follower = this.#follower
    const report = (follower.optimizer ?? follower.existing('step')).step(gradients, options)
    follower.adoption?.refresh()
    return report
  }

  withEvaluationWeights<T>(evaluate: () => T): T {
    return this.#follower.existing('withEvaluationWeights').withEvaluationWeights(evaluate)
  }

  save(): ReturnType<Optimizer['save']> {
    return this.#follower.save()
  }

  load(checkpoint: Parameters<Optimizer['load']>[0]): void {
    const optimizer = this.#follower.existing('load')
    optimizer.load(checkpoint)
    this.#rate = optimizer.fixedLearningRate
  }

  reset(): void {
    const follower = this.#follower
    follower.follow()
    if (follower.isDisposed) throw disposedError()
    follower.optimizer?.reset()
    this.#rate = undefined
  }

  dispose(): void {
    this.#follower.dispose()
  }
}
