import type { Checkpoint, PerExampleOptions, Preconditioner, StepReport } from '@induced-metric/core'
import {
  checkOptions,
  createModelPerExample,
  RowCollector,
  type ModelPerExample,
} from '@induced-metric/core/adapter'
import { checkPattern, checkTarget, differentiatedLoss, type Net, type Target, type Vol } from './net.js'
import type { TrainStats } from './trainer.js'
import { weightsOf, type Weights } from './weights.js'

/** The options of a `PerExampleTrainer`: those of the core's `perExample`, and the size of a batch. */
export interface PerExampleTrainerOptions extends PerExampleOptions {
  /** The number of patterns that make a step; default 32. */
  readonly batch_size?: number
}

/**
 * Experimental. Trains a small convnetjs net with one axis per example, in place of `convnetjs.Trainer`. A net that ends in a
 * regression is fitted by least squares, with an axis per residual: Levenberg and Marquardt's method in the metric of the
 * base. Other nets have an axis per loss, and so have regressions if there is an `embedding`.
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
  /** The number of patterns trained on so far, as in convnetjs's trainers. */
  k = 0
  readonly #optimizer: ModelPerExample<Weights[]>
  readonly #hasEmbedding: boolean
  /** The batch so far, and the layers that its patterns went through. */
  #batch: { patterns: number; readonly rows: RowCollector; readonly layers: Net['layers'] }

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
    const trained = () => weightsOf(net).filter(({ gradient }) => gradient !== null)
    this.#optimizer = createModelPerExample(base, trained, rest)
    this.#batch = emptyBatch(net)
  }

  /** What the latest step did; before the first, a report with `step: 0`. */
  get report(): StepReport {
    return this.#optimizer.report
  }

  /**
   * Trains on a pattern. If it completes a batch, a step is taken. A net whose layers have been made anew (`makeLayers`,
   * `fromJSON`) starts over.
   *
   * @param x the pattern
   * @param y the target, as the net's last layer takes it
   * @throws ERR_OPTION or ERR_SHAPE for an `x` that is no input of the net, or a `y` that is no target of convnetjs's own last
   *   layers; nothing has changed then, and the batch goes on. What `step` of the core's `perExample` throws: the weights are
   *   then as before, and the batch is dropped.
   */
  train(x: Vol, y: Target): TrainStats {
    if (this.#batch.layers !== this.net.layers) this.#batch = emptyBatch(this.net)
    checkPattern(this.net, x)
    checkTarget(this.net, y)
    const { rows } = this.#batch
    const weights = this.#optimizer.follow()
    const start = Date.now()
    this.net.forward(x, true)
    const middle = Date.now()
    const residuals = this.#hasEmbedding ? undefined : residualsOf(this.net, y)
    let loss = 0
    for (const { value, target } of residuals ?? []) {
      this.net.backward(target)
      takeRow(rows, value, weights)
      loss += (value * value) / 2
    }
    if (!residuals) {
      loss = differentiatedLoss(this.net, this.net.backward(y)) ?? NaN
      takeRow(rows, loss, weights)
    }
    const [fwd_time, bwd_time] = [middle - start, Date.now() - middle]
    this.k++
    this.#batch.patterns++
    if (this.#batch.patterns >= this.batch_size) this.#step(residuals !== undefined)
    const losses = { cost_loss: loss, softmax_loss: loss, l1_decay_loss: 0, l2_decay_loss: 0, loss }
    return { fwd_time, bwd_time, ...losses }
  }

  /** A copy of the base's state, which `load` takes. The weights are not in it. */
  save(): Checkpoint {
    return this.#optimizer.save()
  }

  /**
   * Goes on from a saved state.
   *
   * @throws ERR_CHECKPOINT when it belongs to another base or net, and nothing has changed
   */
  load(checkpoint: Checkpoint | Uint8Array): void {
    this.#optimizer.load(checkpoint)
  }

  /**
   * Returns to the state before the first step: the base's slots, counts (`k` too) and the report. A batch that is not full is
   * dropped. The net keeps its weights.
   *
   * @throws ERR_DISPOSED
   */
  reset(): void {
    this.#optimizer.reset()
    this.#batch = emptyBatch(this.net)
    this.k = 0
  }

  /** Releases the optimiser's memory: every later step throws ERR_DISPOSED. The net stays as it is. */
  dispose(): void {
    this.#optimizer.dispose()
  }

  #step(hasResiduals: boolean): void {
    const { patterns: examples, rows: collector } = this.#batch
    this.#batch = emptyBatch(this.net)
    const { rows, targets } = collector.take()
    this.#optimizer.step(rows, hasResiduals ? { residuals: targets, examples } : { losses: targets })
  }
}

function emptyBatch({ layers }: Net): {
  patterns: number
  readonly rows: RowCollector
  readonly layers: Net['layers']
} {
  return { patterns: 0, rows: new RowCollector(), layers }
}

/** Moves the gradients to a row, with the residual or loss that they are of. */
function takeRow(rows: RowCollector, target: number, weights: readonly Weights[]): void {
  rows.add(
    target,
    weights.map(({ gradient }) => gradient!),
  )
  for (const { gradient } of weights) gradient!.fill(0)
}

/**
 * The residuals of a regression after a forward pass: output minus target.
 *
 * @returns the value of each residual, and the `target` with which a backward pass gives the gradients of that output
 *   itself; `undefined` if the net is no regression
 */
function residualsOf({ layers }: Net, y: Target): { value: number; target: Target }[] | undefined {
  const last = layers?.at(-1)
  if (last?.layer_type !== 'regression' || !last.in_act) return undefined
  const { w } = last.in_act
  const targets =
    typeof y === 'object' && 'dim' in y
      ? [y]
      : Array.from(y as ArrayLike<number>, (val, dim) => ({ dim, val }))
  return targets.map(({ dim, val }) => ({ value: w[dim]! - val, target: { dim, val: w[dim]! - 1 } }))
}
