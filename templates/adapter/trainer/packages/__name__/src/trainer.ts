import type { Checkpoint, RateSearch, StepReport, TrainingSearchOptions, Transformation } from '@induced-metric/core'
import { checkOptions, createModelOptimizer, findModelRate, optionError, withGroups, type GroupOf } from '@induced-metric/core/adapter'
import { clearGradients, differentiate, gradientsOf, parametersOf, type Input, type Model, type Target } from './framework.js'

/** The options of {@link InducedTrainer}. Give them the names of the framework's own trainer. */
export interface InducedTrainerOptions {
  /** The number of examples whose mean gradient makes a step; default 1. */
  readonly batchSize?: number
  /** Returns the label of a parameter's group, for `groups` of the transformation; `undefined` for none. */
  readonly groupOf?: GroupOf
}

/** The result of {@link InducedTrainer.train}. */
export interface Trained {
  /** The loss of the example; `undefined` if the framework does not know it. */
  readonly loss: number | undefined
  /** Whether the example completed a batch, so that a step was taken. */
  readonly stepped: boolean
}

/**
 * Trains a model of __name__ with an induced-metric optimiser, in place of the framework's own trainer. Give it that trainer's methods, options and
 * results.
 *
 * @example
 * ```ts no-run
 * import { adam, inducedMetric } from '@induced-metric/core'
 * import { InducedTrainer, type Model } from '@induced-metric/__name__'
 *
 * declare const model: Model
 * declare const examples: { input: unknown; target: unknown }[]
 * const trainer = new InducedTrainer(model, inducedMetric(adam(), { learningRate: 0.01 }), { batchSize: 16 })
 * for (const { input, target } of examples) trainer.train(input, target)
 * ```
 */
export class InducedTrainer {
  readonly model: Model
  readonly #batchSize: number
  readonly #optimizer: ReturnType<typeof createModelOptimizer>
  #losses: (number | undefined)[] = []

  /**
   * @param model the model that is trained
   * @param transformation what `inducedMetric` returned
   * @throws ERR_OPTION for a wrong option; ERR_OPTION or ERR_SHAPE when the transformation does not fit the model's weights
   */
  constructor(model: Model, transformation: Transformation, options: InducedTrainerOptions = {}) {
    checkOptions('InducedTrainer', options, { batchSize: { kind: 'integer', min: 1 }, groupOf: 'function' })
    this.model = model
    this.#batchSize = options.batchSize ?? 1
    // A model that is initialised or loaded again may have other arrays. Training then starts over.
    this.#optimizer = createModelOptimizer(transformation, () => withGroups(parametersOf(model), options.groupOf))
  }

  /** What the latest step did; before the first, a report with `step: 0`. */
  get report(): StepReport {
    return this.#optimizer.report
  }

  /** The learning rate of the next step. Setting a number replaces the transformation's number or schedule. */
  get learningRate(): number {
    return this.#optimizer.learningRate
  }

  set learningRate(value: number) {
    this.#optimizer.learningRate = value
  }

  /**
   * Trains on an example. If it completes a batch, a step is taken with the mean of the gradients and of the losses.
   *
   * @throws what the optimiser's step throws: the weights are then as before, and the batch is dropped
   */
  train(input: Input, target: Target): Trained {
    const { model } = this
    if (this.#losses.length === 0) clearGradients(model)
    const loss = differentiate(model, input, target)
    this.#losses.push(loss)
    if (this.#losses.length < this.#batchSize) return { loss, stepped: false }
    this.#step()
    return { loss, stepped: true }
  }

  /** Takes a step with the examples of a batch that is not full, if there are any. Call it at the end of an epoch. */
  flush(): StepReport {
    if (this.#losses.length > 0) this.#step()
    return this.report
  }

  /**
   * Runs a function while the model has the averages of its weights, if the transformation keeps any (`averageWeights`, or `rateFree`
   * without `steps`). Puts the model's own weights back when the function has returned or its promise is settled.
   */
  withEvaluationWeights<R>(evaluate: () => R): R {
    return this.#optimizer.withEvaluationWeights(evaluate)
  }

  /**
   * Searches for a learning rate: trains with rates that grow from call to call until the loss diverges, then puts weights and state
   * back. See the core's `findLearningRate`.
   *
   * @param train trains for one step, or a few, and returns the loss
   * @throws ERR_OPTION for a wrong option, or while a batch is not full: call `flush` first
   */
  async findLearningRate(
    train: (index: number) => number | Promise<number>,
    options?: TrainingSearchOptions,
  ): Promise<RateSearch> {
    if (this.#losses.length > 0) {
      throw optionError('findLearningRate: a batch is not full: call flush() first, or reset()')
    }
    try {
      return await findModelRate(this.#optimizer, train, options)
    } finally {
      this.#losses = []
    }
  }

  /** A copy of the optimiser's state, which `load` takes here or in another adapter. */
  save(): Checkpoint {
    return this.#optimizer.save()
  }

  /**
   * Continues from a saved state. The weights themselves are not in it.
   *
   * @throws ERR_CHECKPOINT when it belongs to another transformation or model; nothing has changed then
   */
  load(checkpoint: Checkpoint | Uint8Array): void {
    this.#optimizer.load(checkpoint)
  }

  /** Returns to the state before the first step, and to the transformation's learning rate. The weights stay. */
  reset(): void {
    this.#losses = []
    this.#optimizer.reset()
  }

  /** Frees the optimiser. `train` throws ERR_DISPOSED from then on. */
  dispose(): void {
    this.#optimizer.dispose()
  }

  /** Takes a step with the mean of the gradients and of the losses. */
  #step(): void {
    const losses = this.#losses
    this.#losses = []
    const count = losses.length
    const gradients = gradientsOf(this.model)
    if (count > 1) for (const gradient of gradients) gradient?.forEach((sum, i) => (gradient[i] = sum / count))
    const mean = losses.reduce<number>((sum, one) => sum + (one ?? NaN) / count, 0)
    this.#optimizer.follow()
    this.#optimizer.step(gradients, losses.includes(undefined) ? {} : { loss: mean })
  }
}
