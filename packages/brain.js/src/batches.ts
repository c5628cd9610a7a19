import type {
  Checkpoint,
  RateSearch,
  TrainingSearchOptions,
  Transformation,
  TypedArray,
} from '@induced-metric/core'
import {
  createModelOptimizer,
  disposedError,
  findModelRate,
  optionError,
  type AdoptableModel,
  type AdoptableParameter,
  type ModelOptimizer,
} from '@induced-metric/core/adapter'

/** The parameters of a network; `undefined` before it has any. */
export type NetworkParameters = readonly AdoptableParameter[] | undefined

/** A network as a source of gradients. */
export interface GradientSource extends AdoptableModel<NetworkParameters> {
  /**
   * Returns the gradient of the pattern that was just propagated back, times `weight`.
   *
   * @param own an array per parameter, to write to or, from the second pattern of a batch on, to add to
   * @returns `own`, or the arrays of the network's own that hold the gradient
   */
  gradients(own: readonly Float32Array[], isFirst: boolean, weight: number): readonly (TypedArray | null)[]
}

/** Collects the gradients of a network's patterns in batches, and takes a step with each batch. */
export class Batches {
  readonly optimizer: ModelOptimizer<NetworkParameters>
  /** Whether the network is trained in an {@link epoch}. */
  isInEpoch = false
  readonly #source: GradientSource
  readonly #size: number
  #parameters: NetworkParameters
  /** The number of patterns in the batch so far. */
  #pending = 0
  /** The sum of their losses over the batch size; `undefined` if one is not known. */
  #loss: number | undefined = 0
  #isReleased = false

  /** @throws ERR_OPTION for a transformation that `inducedMetric` did not return */
  constructor(transformation: Transformation, source: GradientSource, size: number) {
    this.optimizer = createModelOptimizer(transformation, source)
    this.#source = source
    this.#size = size
  }

  /** Adds the pattern that was just propagated back. Every `size` patterns make a step. */
  add(loss: number | undefined): void {
    const isFollowed = this.isInEpoch && this.#parameters !== undefined
    if (!isFollowed && !this.#follow()) return
    const { optimizer } = this
    const gradients = this.#source.gradients(optimizer.gradients, this.#pending === 0, 1 / this.#size)
    const sum = this.#loss === undefined || loss === undefined ? undefined : this.#loss + loss / this.#size
    if (this.#pending + 1 === this.#size) {
      this.#step(gradients, sum)
    } else {
      this.#loss = sum
      this.#pending++
    }
  }

  /** Takes a step with the patterns since the last step, if there are any. */
  flush(): void {
    if (this.#follow()) this.#stepOnRest()
  }

  /** Runs a function that trains on many patterns and changes the network in no other way: it is followed once, before. */
  epoch<T>(body: () => T): T {
    this.#follow()
    this.isInEpoch = true
    try {
      const result = body()
      this.#stepOnRest()
      return result
    } finally {
      this.isInEpoch = false
    }
  }

  /** Searches for a learning rate. Batches that calls of `train` leave unfinished are forgotten. */
  async findRate(
    train: (index: number) => number | Promise<number>,
    options?: TrainingSearchOptions,
  ): Promise<RateSearch> {
    if (this.#pending > 0) {
      throw optionError('findLearningRate: a batch is not full: call flush() first, or reset()')
    }
    try {
      return await findModelRate(this.optimizer, train, options)
    } finally {
      this.#forget()
    }
  }

  load(checkpoint: Checkpoint | Uint8Array): void {
    this.optimizer.load(checkpoint)
    this.#forget()
  }

  /** Resets the optimiser, and forgets a batch that is not full. */
  reset(): void {
    this.optimizer.reset()
    this.#forget()
  }

  /** Takes the last step, and gives the network arrays of its own. */
  release(): void {
    try {
      if (this.#pending > 0) this.flush()
    } finally {
      this.#isReleased = true
      this.optimizer.dispose()
    }
  }

  /** Follows the network; false if it has no parameters. A batch of other parameters is forgotten. */
  #follow(): boolean {
    if (this.#isReleased) throw disposedError()
    const before = this.#parameters
    this.#parameters = this.optimizer.follow()
    if (this.#parameters !== before) this.#forget()
    return this.#parameters !== undefined
  }

  #forget(): void {
    this.#pending = 0
    this.#loss = 0
  }

  #step(gradients: readonly (TypedArray | null)[], loss: number | undefined): void {
    // The gradients are used up, whether the step succeeds or not.
    this.#forget()
    this.optimizer.step(gradients, loss === undefined ? {} : { loss })
  }

  /** Takes a step with a batch that is not full, if there is one. */
  #stepOnRest(): void {
    if (this.#pending === 0) return
    const { gradients } = this.optimizer
    const missing = this.#size / this.#pending
    for (const gradient of gradients) for (let i = 0; i < gradient.length; i++) gradient[i]! *= missing
    this.#step(gradients, this.#loss === undefined ? undefined : this.#loss * missing)
  }
}
