import {
  createOptimizer,
  decodeCheckpoint,
  encodeCheckpoint,
  type Optimizer,
  type Transformation,
} from '@induced-metric/core'
import { createNoise } from '../noise.js'
import { Network, type Layer, type Score } from './network.js'
import type { TrainingTask } from './tasks.js'

/** A point of a training's record. */
export interface Mark extends Score {
  readonly step: number
  /** The loss over the batch, running average. */
  readonly batchLoss: number
  readonly scale: number
}

/** All that a training goes on from: weights, and the optimiser's checkpoint as bytes. */
export interface SavedTraining {
  readonly step: number
  /** The running average of the batches' losses. */
  readonly batchLoss: number
  readonly weights: readonly Float32Array[]
  readonly checkpoint: Uint8Array
}

/** Trains a network, step by step. The batches follow from the step, so that a resumed training takes the same steps. */
export class Trainer {
  readonly network: Network
  readonly #task: TrainingTask
  readonly #optimizer: Optimizer
  #step = 0
  #average = NaN
  #order: { readonly epoch: number; readonly places: Uint32Array } | undefined

  constructor(task: TrainingTask, transformation: Transformation, seed = 3) {
    this.#task = task
    const normal = createNoise(seed)
    const parameters = task.sizes.slice(1).flatMap((outputs, i) => {
      const inputs = task.sizes[i]!
      const weights = Float32Array.from({ length: inputs * outputs }, () => normal() / Math.sqrt(inputs))
      return [
        { name: `${i}.weights`, shape: [outputs, inputs], data: weights },
        { name: `${i}.biases`, shape: [outputs], data: new Float32Array(outputs) },
      ]
    })
    this.#optimizer = createOptimizer(transformation, parameters, { adopt: true })
    const ownLayers = (arrays: readonly { readonly data: unknown }[]): Layer[] =>
      layersOf(
        task.sizes,
        arrays.map(({ data }) => data as Float32Array),
      )
    this.network = new Network(ownLayers(this.#optimizer.parameters), ownLayers(this.#optimizer.gradients))
  }

  get step(): number {
    return this.#step
  }

  /** Takes a step with the next batch. Returns its loss. */
  train(): number {
    const { train, batchSize } = this.#task
    const loss = this.network.differentiate(train, this.#batch(train.labels.length, batchSize))
    this.#optimizer.step(
      this.#optimizer.gradients.map(({ data }) => data),
      { loss },
    )
    this.#step++
    this.#average = Number.isNaN(this.#average) ? loss : 0.9 * this.#average + 0.1 * loss
    return loss
  }

  /**
   * Takes steps of another's: the network's gradients, parameter by parameter, are given to `update`, which changes the weights.
   */
  trainWith(update: (gradients: readonly Float32Array[]) => void, steps: number): void {
    const { train, batchSize } = this.#task
    const gradients = this.#optimizer.gradients.map(({ data }) => data as Float32Array)
    for (let i = 0; i < steps; i++) {
      this.network.differentiate(train, this.#batch(train.labels.length, batchSize))
      update(gradients)
      this.#step++
    }
  }

  /** The examples of a step: neighbours in an order that is drawn anew for each epoch. */
  #batch(count: number, size: number): Uint32Array {
    const perEpoch = Math.floor(count / size)
    const epoch = Math.floor(this.#step / perEpoch)
    if (this.#order?.epoch !== epoch) this.#order = { epoch, places: orderOf(count, epoch) }
    const first = (this.#step % perEpoch) * size
    return this.#order.places.subarray(first, first + size)
  }

  /** Where the training is. */
  mark(): Mark {
    return {
      step: this.#step,
      batchLoss: this.#average,
      scale: this.#optimizer.report.scale,
      ...this.network.score(this.#task.test),
    }
  }

  /** The weights, one after the other. */
  weights(): Float64Array {
    const arrays = this.#optimizer.parameters.map(({ data }) => data)
    const joined = new Float64Array(arrays.reduce((sum, { length }) => sum + length, 0))
    let at = 0
    for (const array of arrays) {
      joined.set(array, at)
      at += array.length
    }
    return joined
  }

  /** The network's layers with other weights, one after the other. */
  layersWith(joined: Float64Array): Layer[] {
    let at = 0
    const arrays = this.#optimizer.parameters.map(({ data }) => {
      const own = Float32Array.from(joined.subarray(at, at + data.length))
      at += data.length
      return own
    })
    return layersOf(this.#task.sizes, arrays)
  }

  save(): SavedTraining {
    return {
      step: this.#step,
      batchLoss: this.#average,
      weights: this.#optimizer.parameters.map(({ data }) => Float32Array.from(data)),
      checkpoint: encodeCheckpoint(this.#optimizer.save()),
    }
  }

  /** @throws ERR_CHECKPOINT where it is of another optimiser or network */
  load({ step, batchLoss, weights, checkpoint }: SavedTraining): void {
    this.#optimizer.load(decodeCheckpoint(checkpoint))
    weights.forEach((array, i) => this.#optimizer.parameters[i]!.data.set(array))
    this.#step = step
    this.#average = batchLoss
  }

  dispose(): void {
    this.#optimizer.dispose()
  }
}

/** Layers of so many units, from their arrays in turn. */
function layersOf(sizes: readonly number[], arrays: readonly Float32Array[]): Layer[] {
  return sizes.slice(1).map((outputs, i) => ({
    inputs: sizes[i]!,
    outputs,
    weights: arrays[2 * i]!,
    biases: arrays[2 * i + 1]!,
  }))
}

/** The order of the examples in an epoch. */
function orderOf(count: number, epoch: number): Uint32Array {
  const normal = createNoise(1000 + epoch)
  const keys = Float64Array.from({ length: count }, normal)
  return Uint32Array.from(keys, (_, i) => i).sort((a, b) => keys[a]! - keys[b]!)
}
