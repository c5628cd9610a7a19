import { perExample } from '@induced-metric/core'
import { checkOptions } from '@induced-metric/core/adapter'
import type {
  Checkpoint,
  PerExampleOptimizer,
  PerExampleOptions,
  Preconditioner,
  StepReport,
  TypedArray,
} from '@induced-metric/core'
import { differentiatedLoss, residualsOf, type Net, type Target, type Vol } from './net.js'
import type { TrainStats } from './trainer.js'
import { weightsOf, type Weights } from './weights.js'

/** The options of a `PerExampleTrainer`: those of the core's `perExample`, and the size of a batch. */
export interface PerExampleTrainerOptions extends PerExampleOptions {
  /** Patterns that make a step; default 32. */
  readonly batch_size?: number
}

/**
 * Experimental. Trains a small convnetjs net with one axis per example, in place of `convnetjs.Trainer`. A net that ends in a
 * regression is fitted by least squares, with an axis per residual: Levenberg and Marquardt's method in the metric of the
 * base. Others, and where there is an `embedding`, have an axis per loss.
 *
 * @example
 * ```ts
 * import { adam } from '@induced-metric/core'
 * import { PerExampleTrainer } from '@induced-metric/convnetjs'
 * import convnetjs from 'convnetjs'
 *
 * const net = new convnetjs.Net()
 * net.makeLayers([
 *   { type: 'input', out_sx: 1, out_sy: 1, out_depth: 1 },
 *   { type: 'fc', num_neurons: 8, activation: 'tanh' },
 *   { type: 'regression', num_neurons: 1 },
 * ])
 * const trainer = new PerExampleTrainer(net, adam({ beta1: 0 }), { batch_size: 32 })
 * for (let epoch = 0; epoch < 30; epoch++) {
 *   for (let i = 0; i < 32; i++) trainer.train(new convnetjs.Vol([i / 16 - 1]), [Math.sin(i / 5)])
 * }
 * console.log(trainer.report.step, trainer.report.loss)
 * ```
 */
export class PerExampleTrainer {
  readonly net: Net
  batch_size: number
  /** Patterns trained on so far, as in convnetjs's trainers. */
  k = 0
  readonly #make: (weights: readonly Weights[]) => PerExampleOptimizer
  readonly #hasEmbedding: boolean
  #weights: readonly Weights[]
  #optimizer: PerExampleOptimizer
  #layers: Net['layers']
  /** Under way, by pattern. */
  #patterns = 0
  #numbers: number[] = []
  #rows: TypedArray[][] = []

  /**
   * @param net with its layers made
   * @param base `adam({ beta1: 0 })`, or another whose P is diagonal
   * @throws ERR_OPTION for a wrong option or a net without layers; ERR_NOT_SUPPORTED for a base whose P is not diagonal
   */
  constructor(net: Net, base: Preconditioner, options: PerExampleTrainerOptions = {}) {
    checkOptions('PerExampleTrainer', options, {
      batch_size: { kind: 'integer', min: 1 },
      learningRate: 'any',
      xi: 'any',
      embedding: 'any',
      onNonFinite: 'any',
      onBadLoss: 'any',
    })
    const { batch_size = 32, ...rest } = options
    this.net = net
    this.batch_size = batch_size
    this.#hasEmbedding = rest.embedding !== undefined
    this.#make = (weights) => perExample(base, weights, rest)
    this.#weights = trained(net)
    this.#optimizer = this.#make(this.#weights)
    this.#layers = net.layers
  }

  /** What the latest step did; before the first, a report with `step: 0`. */
  get report(): StepReport {
    return this.#optimizer.report
  }

  /**
   * Trains on a pattern; where it completes a batch, a step is taken. A net whose layers have been made anew
   * (`makeLayers`, `fromJSON`) starts over.
   *
   * @param x the pattern
   * @param y what is to come out, as the net's last layer takes it
   * @throws what `step` of the core's `perExample` throws. The weights are then as before, and the batch is dropped.
   */
  train(x: Vol, y: Target): TrainStats {
    this.#follow()
    const start = Date.now()
    this.net.forward(x, true)
    const middle = Date.now()
    const residuals = this.#hasEmbedding ? undefined : residualsOf(this.net, y)
    for (const { value, target } of residuals ?? []) {
      this.net.backward(target)
      this.#take(value)
    }
    if (!residuals) {
      const cost = this.net.backward(y)
      this.#take(differentiatedLoss(this.net, cost) ?? NaN)
    }
    const [fwd_time, bwd_time] = [middle - start, Date.now() - middle]
    const loss = residuals
      ? residuals.reduce((sum, { value }) => sum + value * value, 0) / 2
      : this.#numbers.at(-1)!
    this.k++
    this.#patterns++
    if (this.#patterns >= this.batch_size) this.#step(residuals !== undefined)
    return {
      fwd_time,
      bwd_time,
      cost_loss: loss,
      softmax_loss: loss,
      l1_decay_loss: 0,
      l2_decay_loss: 0,
      loss,
    }
  }

  /** A copy of the base's state, which `load` takes. The weights are not in it. */
  save(): Checkpoint {
    this.#follow()
    return this.#optimizer.save()
  }

  /**
   * Goes on from a saved state.
   *
   * @throws ERR_CHECKPOINT when it belongs to another base or net, and nothing has changed
   */
  load(checkpoint: Checkpoint | Uint8Array): void {
    this.#follow()
    this.#optimizer.load(checkpoint)
  }

  /** Lets go of the optimiser's memory: steps are ERR_DISPOSED from then on. The net stays as it is. */
  dispose(): void {
    this.#optimizer.dispose()
  }

  /** Starts over where the net has other layers than before. */
  #follow(): void {
    if (this.#layers === this.net.layers) return
    this.#weights = trained(this.net)
    const optimizer = this.#make(this.#weights)
    this.#optimizer.dispose()
    this.#optimizer = optimizer
    this.#layers = this.net.layers
    this.#drop()
  }

  /** Takes the gradients as a row, with its residual or loss. */
  #take(number: number): void {
    this.#numbers.push(number)
    this.#rows.push(
      this.#weights.map(({ gradient }) => {
        const row = gradient!.slice()
        gradient!.fill(0)
        return row
      }),
    )
  }

  #step(isResiduals: boolean): void {
    const [numbers, rows, examples] = [this.#numbers, this.#rows, this.#patterns]
    this.#drop()
    const blocks = this.#weights.map(({ data }, block) => {
      const all = new Float64Array(rows.length * data.length)
      rows.forEach((row, i) => all.set(row[block]!, i * data.length))
      return all
    })
    this.#optimizer.step(blocks, isResiduals ? { residuals: numbers, examples } : { losses: numbers })
  }

  #drop(): void {
    this.#patterns = 0
    this.#numbers = []
    this.#rows = []
  }
}

/** The weights of a net that have gradients. */
function trained(net: Net): Weights[] {
  return weightsOf(net).filter(({ gradient }) => gradient !== null)
}
