import {
  checkOptions,
  createModelOptimizer,
  findModelRate,
  optionError,
  withGroups,
} from '@induced-metric/core/adapter'
import type {
  Checkpoint,
  RateSearch,
  StepReport,
  TrainingSearchOptions,
  Transformation,
} from '@induced-metric/core'
import type { GroupOf, ModelOptimizer } from '@induced-metric/core/adapter'
import { checkPattern, checkTarget, differentiatedLoss, type Net, type Target, type Vol } from './net.js'
import { addDecay, weightsOf, type Weights } from './weights.js'

/** The options of an `InducedTrainer`, by convnetjs's names. */
export interface InducedTrainerOptions {
  /** The number of patterns whose mean gradient makes a step; default 1. */
  readonly batch_size?: number
  /** Weight of Σ|w| in the loss of a batch, times the layer's `l1_decay_mul`; default 0. */
  readonly l1_decay?: number
  /** Weight of ½Σw² in the loss of a batch, times the layer's `l2_decay_mul`; default 0. */
  readonly l2_decay?: number
  /** The label of a parameter's group, for `groups` of the transformation; `undefined` for none. */
  readonly groupOf?: GroupOf
}

type Loss = 'cost_loss' | 'softmax_loss' | 'l1_decay_loss' | 'l2_decay_loss' | 'loss'

/**
 * The result of `train`, as of convnetjs's own trainers: times in milliseconds; the `cost_loss` of the pattern, and the same
 * as `softmax_loss`; the losses of decay, which are 0 unless the pattern completes a batch; `loss`, the sum of all.
 */
export type TrainStats = Readonly<Record<'fwd_time' | 'bwd_time' | Loss, number>>

/**
 * Trains a convnetjs net with an induced-metric optimiser, in place of `convnetjs.Trainer`.
 *
 * @example
 * ```ts
 * import { adam, inducedMetric } from '@induced-metric/core'
 * import { InducedTrainer } from '@induced-metric/convnetjs'
 * import convnetjs from 'convnetjs'
 *
 * const net = new convnetjs.Net()
 * net.makeLayers([
 *   { type: 'input', out_sx: 8, out_sy: 8, out_depth: 1 },
 *   { type: 'conv', sx: 3, filters: 4, pad: 1, activation: 'relu' },
 *   { type: 'pool', sx: 2, stride: 2 },
 *   { type: 'softmax', num_classes: 2 },
 * ])
 * const trainer = new InducedTrainer(net, inducedMetric(adam(), { learningRate: 0.01 }), { batch_size: 2 })
 * for (let i = 0; i < 10; i++) trainer.train(new convnetjs.Vol(8, 8, 1, i % 2), i % 2)
 * console.log(trainer.report.step, trainer.report.scale)
 * ```
 */
export class InducedTrainer {
  readonly net: Net
  batch_size: number
  l1_decay: number
  l2_decay: number
  /** The number of patterns trained on so far, as in convnetjs's trainers. */
  k = 0
  readonly #optimizer: ModelOptimizer<Weights[]>
  /** The batch so far: the loss of each pattern, if the net returns one, and the layers that they went through. */
  #batch: { losses: (number | undefined)[]; layers?: Net['layers'] } = { losses: [] }

  /**
   * @param net with its layers made
   * @param transformation what `inducedMetric` returned: it has the learning rate, and decay that is not part of the loss
   * @throws ERR_OPTION for a wrong option or a net without layers; ERR_OPTION or ERR_SHAPE if the transformation does not
   *   fit the net's weights
   */
  constructor(net: Net, transformation: Transformation, options: InducedTrainerOptions = {}) {
    checkOptions('InducedTrainer', options, {
      batch_size: { kind: 'integer', min: 1 },
      l1_decay: { kind: 'number', min: 0 },
      l2_decay: { kind: 'number', min: 0 },
      groupOf: 'function',
    })
    this.net = net
    this.batch_size = options.batch_size ?? 1
    this.l1_decay = options.l1_decay ?? 0
    this.l2_decay = options.l2_decay ?? 0
    this.#optimizer = createModelOptimizer(transformation, () => withGroups(weightsOf(net), options.groupOf))
  }

  /** What the latest step did; before the first, a report with `step: 0`. */
  get report(): StepReport {
    return this.#optimizer.report
  }

  /**
   * The learning rate of the next step; of a schedule, its value there. Setting a number ≥ 0 replaces the transformation's
   * number or schedule from the next step on, and also for a net that is made anew. A group with another learning rate of
   * its own keeps that. Checkpoints hold it.
   *
   * @throws ERR_OPTION when anything else is set, and nothing has changed
   */
  get learning_rate(): number {
    return this.#optimizer.learningRate
  }

  set learning_rate(value: number) {
    this.#optimizer.learningRate = value
  }

  /**
   * Trains on a pattern. If it completes a batch, a step is taken. A net whose layers have been made anew (`makeLayers`,
   * `fromJSON`) starts over.
   *
   * @param x the pattern
   * @param y the target, as the net's last layer takes it
   * @throws ERR_OPTION or ERR_SHAPE for an `x` that is no input of the net, or a `y` that is no target of convnetjs's own last
   *   layers; nothing has changed then, and the batch goes on. What the optimiser's step throws: the weights are then as before,
   *   and the batch is dropped.
   */
  train(x: Vol, y: Target): TrainStats {
    if (this.#batch.layers !== this.net.layers) this.#batch = { losses: [], layers: this.net.layers }
    checkPattern(this.net, x)
    checkTarget(this.net, y)
    const start = Date.now()
    this.net.forward(x, true)
    const middle = Date.now()
    const cost = this.net.backward(y)
    const [fwd_time, bwd_time] = [middle - start, Date.now() - middle]
    this.k++
    const patterns = this.#batch.losses.push(differentiatedLoss(this.net, cost))
    const [l1_decay_loss, l2_decay_loss] = patterns < this.batch_size ? [0, 0] : this.#step()
    const cost_loss = cost ?? NaN
    const loss = cost_loss + l1_decay_loss + l2_decay_loss
    return { fwd_time, bwd_time, cost_loss, softmax_loss: cost_loss, l1_decay_loss, l2_decay_loss, loss }
  }

  /** Takes a step with the patterns of a batch that is not full, if there are any. Call it at the end of an epoch. */
  flush(): StepReport {
    if (this.#batch.layers === this.net.layers && this.#batch.losses.length > 0) this.#step()
    return this.report
  }

  /**
   * Runs a function while the net has the averages of its weights, if the transformation keeps any (`averageWeights`, or
   * `rateFree` without `steps`). Puts the net's own weights back when the function has returned or its promise is settled.
   *
   * @param evaluate a function that runs the net; it must not train it
   * @returns the function's result
   * @throws what the function throws; ERR_DISPOSED
   */
  withEvaluationWeights<R>(evaluate: () => R): R {
    return this.#optimizer.withEvaluationWeights(evaluate)
  }

  /**
   * Searches for a learning rate: trains with rates that grow from call to call until the loss diverges, then puts weights,
   * state and `k` back, bit for bit. See the core's `findLearningRate`.
   *
   * @param train trains on the patterns of a step, and returns the loss, as `(i) => trainer.train(xs[i], ys[i]).loss`; it is
   *   given the number of the call, from 0
   * @param options `from`, `to`, `steps`, `smoothing`, `divergence`; `xi` and `setXi`
   * @returns the sweep, a suggestion, and charts
   * @throws ERR_OPTION for a wrong option, or while a batch is not full: call `flush` first; ERR_DISPOSED; what `train` throws.
   *   Weights and state have been put back then, too.
   */
  async findLearningRate(
    train: (index: number) => number | Promise<number>,
    options?: TrainingSearchOptions,
  ): Promise<RateSearch> {
    if (this.#batch.losses.length > 0) {
      throw optionError('findLearningRate: a batch is not full: call flush() first, or reset()')
    }
    const { k } = this
    try {
      return await findModelRate(this.#optimizer, train, options)
    } finally {
      for (const { gradient } of this.#optimizer.follow()) gradient?.fill(0)
      this.#batch = { losses: [], layers: this.net.layers }
      this.k = k
    }
  }

  /** A copy of the optimiser's state, which `load` takes here or in another adapter. The weights are not in it. */
  save(): Checkpoint {
    return this.#optimizer.save()
  }

  /**
   * Goes on from a saved state.
   *
   * @throws ERR_CHECKPOINT when it belongs to another transformation or net, and nothing has changed
   */
  load(checkpoint: Checkpoint | Uint8Array): void {
    this.#optimizer.load(checkpoint)
  }

  /**
   * Returns to the state before the first step: slots, averages, counts (`k` too), the report, and the transformation's
   * learning rate in place of one that was set. A batch that is not full is dropped. The net keeps its weights.
   *
   * @throws ERR_OPTION within `withEvaluationWeights`; ERR_DISPOSED
   */
  reset(): void {
    this.#optimizer.reset()
    for (const { gradient } of this.#optimizer.follow()) gradient?.fill(0)
    this.#batch = { losses: [], layers: this.net.layers }
    this.k = 0
  }

  /** Releases the optimiser's memory: every later step throws ERR_DISPOSED. The net stays as it is. */
  dispose(): void {
    this.#optimizer.dispose()
  }

  /** Takes a step with the mean over the batch. Decay counts once per batch, not once per pattern, as in convnetjs. */
  #step(): readonly [l1: number, l2: number] {
    const losses = this.#batch.losses.splice(0)
    const patterns = losses.length
    const weights = this.#optimizer.follow()
    try {
      const [l1, l2] = addDecay(weights, this.l1_decay, this.l2_decay)
      const gradients = weights.map(({ gradient }) => gradient)
      if (patterns > 1) for (const g of gradients) g?.forEach((sum, i) => (g[i] = sum / patterns))
      const known = losses.filter((loss) => loss !== undefined)
      const loss = known.reduce((sum, one) => sum + one, l1 + l2) / patterns
      this.#optimizer.step(gradients, known.length < patterns ? {} : { loss })
      return [l1, l2]
    } finally {
      for (const { gradient } of weights) gradient?.fill(0)
    }
  }
}
