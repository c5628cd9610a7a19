import type {
  Checkpoint,
  RateSearch,
  StepReport,
  TrainingSearchOptions,
  Transformation,
} from '@induced-metric/core'
import { checkOptions, checkTransformation, unsupported, type GroupOf } from '@induced-metric/core/adapter'
import { classOf, hasMembers } from './members.js'
import type { DenseNetwork, LayeredNetwork, RecurrentNetwork } from './network.js'
import type { Attachment, Settings } from './networks/attachment.js'
import { attachDense } from './networks/dense.js'
import { attachLayered } from './networks/layered.js'
import { attachRecurrent } from './networks/recurrent.js'

/** Options of {@link useOptimizer}. */
export interface UseOptimizerOptions {
  /**
   * The number of patterns (of a recurrent network: sequences) whose mean gradient makes a step. Default 1, which is how
   * brain.js trains. A batch that is not full at the end of an epoch makes a step of its own.
   */
  readonly batchSize?: number
  /**
   * Whether the adapter corrects the gradients that brain.js computes wrongly: those of all recurrent classes, and of
   * leaky-relu in 1.6.1. Default true; `false` trains on brain.js's own gradients.
   */
  readonly exactGradients?: boolean
  /** Puts parameters into groups: returns the label of a parameter's group, or `undefined` for none. */
  readonly groupOf?: GroupOf
}

/** The optimiser of a network. */
export interface OptimizerHandle {
  /** What the latest step did; before the first, a report with `step: 0`. */
  readonly report: StepReport
  /**
   * The learning rate of the next step; of a schedule, its value there. Setting a number ≥ 0, also in a callback of `train`,
   * replaces the transformation's number or schedule from the next step on, and also for a network that is made anew. A
   * group with another learning rate of its own keeps that. Checkpoints hold it.
   *
   * @throws ERR_OPTION when anything else is set, and nothing has changed; ERR_DISPOSED after `detach`
   */
  learningRate: number
  /**
   * Takes a step with the patterns of a batch that is not yet full, if there are any. `train` does so by itself at the
   * end of every epoch.
   *
   * @throws ERR_DISPOSED after `detach`
   */
  flush(): StepReport
  /**
   * A copy of the optimiser's state, which `load` takes here or in another adapter. The weights are not in it: they are in
   * `network.toJSON()`.
   *
   * @throws ERR_CHECKPOINT when the network has no weights yet; ERR_DISPOSED after `detach`
   */
  save(): Checkpoint
  /**
   * Goes on from a saved state.
   *
   * @throws ERR_CHECKPOINT when the state belongs to another transformation or to other parameters, or the network has no
   *   weights yet; ERR_DISPOSED after `detach`. Nothing has changed then.
   */
  load(checkpoint: Checkpoint | Uint8Array): void
  /**
   * Returns to the state before the first step: slots, averages, step counts, the report, and the transformation's learning
   * rate in place of one that was set. A batch that is not full is dropped. The network keeps its weights.
   *
   * @throws ERR_OPTION within `withEvaluationWeights`; ERR_DISPOSED after `detach`
   */
  reset(): void
  /**
   * Runs a function while the network has the averages of its weights, if the transformation keeps any (`averageWeights`, or
   * `rateFree` without `steps`). Puts the network's own weights back when the function has returned or its promise is settled.
   *
   * @param evaluate a function that runs the network; it must not train it
   * @returns the function's result
   * @throws what the function throws; ERR_CHECKPOINT when the network has no weights yet; ERR_DISPOSED after `detach`
   */
  withEvaluationWeights<R>(evaluate: () => R): R
  /**
   * Searches for a learning rate: trains with rates that grow from call to call until the loss diverges, then puts weights and
   * state back, bit for bit. See the core's `findLearningRate`.
   *
   * @param train trains the network for a step, or a few, and returns the loss, as
   *   `() => network.train(data, { iterations: 1 }).error`; it is given the number of the call, from 0
   * @param options `from`, `to`, `steps`, `smoothing`, `divergence`; `xi` and `setXi`
   * @returns the sweep, a suggestion, and charts
   * @throws ERR_OPTION for a wrong option, or while a batch is not full: call `flush` first; ERR_CHECKPOINT when the network has
   *   no weights yet; ERR_DISPOSED after `detach`; what `train` throws. Weights and state have been put back then, too.
   */
  findLearningRate(
    train: (index: number) => number | Promise<number>,
    options?: TrainingSearchOptions,
  ): Promise<RateSearch>
  /** Makes the network a stock one again, with the weights that it has now. It can go on training. */
  detach(): void
}

/**
 * Trains a brain.js network with an induced-metric optimiser. Its `train` and everything else stay as they are, but the
 * optimiser makes every update of the weights. The options `learningRate`, `momentum`, `praxis`, `beta1` and so on of
 * brain.js no longer have an effect.
 *
 * @param network a `NeuralNetwork`, `NeuralNetworkGPU` (on the CPU), `FeedForward`, or one of `recurrent.RNN`, `LSTM`,
 *   `GRU`, `RNNTimeStep`, `LSTMTimeStep`, `GRUTimeStep`, of brain.js 1.6.1 or 2.x; trained or not
 * @param transformation what `inducedMetric` returned
 * @returns a handle to report, save, load and detach
 * @throws ERR_OPTION for a wrong option, or a network that has an optimiser; ERR_NOT_SUPPORTED for another kind of
 *   network, or one on a GPU. The network is then as before.
 *
 * @example
 * ```ts
 * import { adam, inducedMetric } from '@induced-metric/core'
 * import { useOptimizer } from '@induced-metric/brain.js'
 * import { NeuralNetwork } from 'brain.js'
 *
 * const network = new NeuralNetwork({ hiddenLayers: [4] })
 * const handle = useOptimizer(network, inducedMetric(adam(), { learningRate: 0.05 }))
 * network.train([
 *   { input: [0, 0], output: [0] },
 *   { input: [0, 1], output: [1] },
 *   { input: [1, 0], output: [1] },
 *   { input: [1, 1], output: [0] },
 * ])
 * console.log(handle.report.step, handle.report.scale)
 * ```
 */
export function useOptimizer(
  network: object,
  transformation: Transformation,
  options: UseOptimizerOptions = {},
): OptimizerHandle {
  checkTransformation(transformation)
  checkOptions('useOptimizer', options, {
    batchSize: { kind: 'integer', min: 1 },
    exactGradients: 'boolean',
    groupOf: 'function',
  })
  const { batchSize = 1, exactGradients = true, groupOf } = options
  const { batches, hooks } = attach(network, { transformation, batchSize, exactGradients, groupOf })
  const { optimizer } = batches
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
    flush() {
      batches.flush()
      return optimizer.report
    },
    withEvaluationWeights: (evaluate) => optimizer.withEvaluationWeights(evaluate),
    findLearningRate: (train, options) => batches.findRate(train, options),
    save: () => optimizer.save(),
    load: (checkpoint) => batches.load(checkpoint),
    reset: () => batches.reset(),
    detach() {
      try {
        batches.release()
      } finally {
        hooks.release()
      }
    },
  }
}

/** Recognises the kind of a network by its members: brain.js may be loaded in two versions, or twice. */
function attach(network: object, settings: Settings): Attachment {
  const has = (...names: readonly string[]): boolean => hasMembers(network, ...names)
  if (has('bindEquation', 'backpropagate', 'adjustWeights', 'trainPattern')) {
    return attachRecurrent(network as RecurrentNetwork, settings)
  }
  if (has('_calculateDeltas', '_trainPattern', 'adjustWeights', 'initializeLayers') && !has('_layerSets')) {
    return attachLayered(network as LayeredNetwork, settings)
  }
  if (has('runInput', 'calculateDeltas', 'adjustWeights', 'trainPattern', 'trainingTick')) {
    return attachDense(network as DenseNetwork, settings)
  }
  const advice = has('denoiser')
    ? 'an autoencoder is trained through its `denoiser`: attach to that'
    : has('testPartition')
      ? 'attach to the networks that cross-validation makes, where it makes them'
      : 'it must be an instance of NeuralNetwork, NeuralNetworkGPU, FeedForward, RNN, LSTM, GRU or one of their time-step ' +
        'forms'
  throw unsupported(`useOptimizer cannot train ${classOf(network)}: ${advice}`)
}
