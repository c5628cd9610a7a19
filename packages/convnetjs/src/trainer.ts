import {
  createOptimizer,
  type Checkpoint,
  type Optimizer,
  type StepReport,
  type Transformation,
} from '@induced-metric/core'
import { differentiatedLoss, type Net, type ParamsAndGrads, type Target, type Vol } from './net.js'
import { checkOptions, type InducedTrainerOptions } from './options.js'
import { addDecay, weightsOf, type Weights } from './weights.js'

/**
 * What `train` answers, as convnetjs's own trainers do: times in milliseconds; `cost_loss` of the pattern, and the same
 * as `softmax_loss`; the losses of decay, 0 but where the pattern completes a batch; `loss`, the sum of all.
 */
export type TrainStats = Readonly<
  Record<
    'fwd_time' | 'bwd_time' | 'cost_loss' | 'softmax_loss' | 'l1_decay_loss' | 'l2_decay_loss' | 'loss',
    number
  >
>

/** What belongs to the layers as they are; `listed` is what to know them by. */
type State = { readonly optimizer: Optimizer; readonly weights: Weights[]; readonly listed: ParamsAndGrads[] }

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
  /** Patterns trained on so far, as in convnetjs's trainers. */
  k = 0
  readonly #start: () => State
  #state: State
  // Of the batch under way: its patterns, and the sum of their losses, where layers tell one.
  #patterns = 0
  #cost: number | undefined = 0

  /**
   * @param net with its layers made
   * @param transformation what `inducedMetric` returned: it has the learning rate, and decay that is not of the loss
   * @throws ERR_OPTION for a wrong option or a net without layers; ERR_OPTION, ERR_SHAPE where the transformation
   *   doesn't fit the net's weights
   */
  constructor(net: Net, transformation: Transformation, options: InducedTrainerOptions = {}) {
    checkOptions(options)
    this.net = net
    this.batch_size = options.batch_size ?? 1
    this.l1_decay = options.l1_decay ?? 0
    this.l2_decay = options.l2_decay ?? 0
    this.#start = () => {
      const weights = weightsOf(net, options.groupOf)
      return { weights, optimizer: createOptimizer(transformation, weights), listed: net.getParamsAndGrads() }
    }
    this.#state = this.#start()
  }

  /** What the latest step did; before the first, a report with `step: 0`. */
  get report(): StepReport {
    return this.#state.optimizer.report
  }

  /**
   * Trains on a pattern; where it completes a batch, a step is taken. A net whose layers have been made anew
   * (`makeLayers`, `fromJSON`) starts over.
   *
   * @param x the pattern
   * @param y what is to come out, as the net's last layer takes it
   * @throws what the optimiser's step throws. The weights are then as before, and the batch is dropped.
   */
  train(x: Vol, y: Target): TrainStats {
    const start = Date.now()
    this.net.forward(x, true)
    const middle = Date.now()
    const cost = this.net.backward(y)
    const end = Date.now()
    this.k++
    this.#patterns++
    const loss = differentiatedLoss(this.net, cost)
    this.#cost = loss === undefined || this.#cost === undefined ? undefined : this.#cost + loss
    const [l1_decay_loss, l2_decay_loss] = this.#patterns < this.batch_size ? [0, 0] : this.#step()
    const cost_loss = cost ?? NaN
    const losses = { cost_loss, softmax_loss: cost_loss, l1_decay_loss, l2_decay_loss }
    const sum = cost_loss + l1_decay_loss + l2_decay_loss
    return { fwd_time: middle - start, bwd_time: end - middle, ...losses, loss: sum }
  }

  /** Takes a step with the patterns of a batch that is not full, if there are any: for the end of an epoch. */
  flush(): StepReport {
    if (this.#patterns > 0) this.#step()
    return this.report
  }

  /** A copy of the optimiser's state, which `load` takes here or in another adapter. The weights are not in it. */
  save(): Checkpoint {
    return this.#state.optimizer.save()
  }

  /**
   * Goes on from a saved state.
   *
   * @throws ERR_CHECKPOINT when it belongs to another transformation or net, and nothing has changed
   */
  load(checkpoint: Checkpoint | Uint8Array): void {
    this.#state.optimizer.load(checkpoint)
  }

  /** Lets go of the optimiser's memory: steps are ERR_DISPOSED from then on. The net stays as it is. */
  dispose(): void {
    this.#state.optimizer.dispose()
  }

  /** Steps with the mean over the batch. Decay counts once a batch, not once a pattern, as in convnetjs. */
  #step(): readonly [l1: number, l2: number] {
    const listed = this.net.getParamsAndGrads()
    const isSame = ({ params }: ParamsAndGrads, i: number) => params === this.#state.listed[i]?.params
    if (listed.length !== this.#state.listed.length || !listed.every(isSame)) this.#state = this.#start()
    const { optimizer, weights } = this.#state
    const gradients = weights.map(({ gradients, at }) => gradients ?? listed[at]!.grads)
    const [patterns, cost] = [this.#patterns, this.#cost]
    try {
      const decays = weights.map((own, k) => addDecay(own, gradients[k]!, this.l1_decay, this.l2_decay))
      const [l1, l2] = [0, 1].map((which) => decays.reduce((sum, decay) => sum + decay[which]!, 0))
      if (patterns > 1) for (const g of gradients) g?.forEach((sum, i) => (g[i] = sum / patterns))
      optimizer.step(gradients, cost === undefined ? {} : { loss: (cost + l1! + l2!) / patterns })
      return [l1!, l2!]
    } finally {
      for (const gradient of gradients) gradient?.fill(0)
      this.#patterns = this.#cost = 0
    }
  }
}
