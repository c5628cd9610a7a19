import type { Checkpoint, Transformation, TypedArray } from '@induced-metric/core'
import {
  createModelOptimizer,
  disposedError,
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

/** Collects the gradients of patterns in batches, and takes a step with each batch. */
export interface Batches {
  readonly optimizer: ModelOptimizer<NetworkParameters>
  /** Adds the pattern that was just propagated back, whose loss is `loss`. Every `batchSize` patterns make a step. */
  add(loss: number | undefined): void
  /** Takes a step with the patterns since the last step, if there are any. */
  flush(): void
  /** Runs a function that trains on many patterns and changes the network in no other way: it is followed once, before. */
  epoch<T>(body: () => T): T
  load(checkpoint: Checkpoint | Uint8Array): void
  /** Takes the last step and gives the network arrays of its own. */
  release(): void
}

/**
 * Creates the batches of a network.
 *
 * @throws ERR_OPTION for a transformation that `inducedMetric` did not return
 */
export function createBatches(
  transformation: Transformation,
  source: GradientSource,
  batchSize: number,
): Batches {
  const optimizer = createModelOptimizer(transformation, source)
  let parameters: NetworkParameters
  /** The number of patterns in the batch so far. */
  let pending = 0
  /** Their losses over the batch size; `undefined` if one is not known. */
  let total: number | undefined = 0
  /** Whether the optimiser is known to have the parameters of the network as it is now. */
  let isFollowed = false
  let isReleased = false

  const forget = (): void => {
    pending = 0
    total = 0
  }
  /** Follows the network; false if it has no parameters. A batch of other parameters is forgotten. */
  const follow = (): boolean => {
    if (isReleased) throw disposedError()
    const before = parameters
    parameters = optimizer.follow()
    if (parameters !== before) forget()
    return parameters !== undefined
  }
  const step = (gradients: readonly (TypedArray | null)[], loss: number | undefined): void => {
    // The gradients are used up, whether the step succeeds or not.
    forget()
    optimizer.step(gradients, loss === undefined ? {} : { loss })
  }
  /** Takes a step with a batch that is not full. */
  const stepOnRest = (): void => {
    if (pending === 0) return
    const { gradients } = optimizer
    const missing = batchSize / pending
    for (const gradient of gradients) for (let i = 0; i < gradient.length; i++) gradient[i]! *= missing
    step(gradients, total === undefined ? undefined : total * missing)
  }

  // No accessors, as V8 keeps a literal that has some as a table, which every pattern would be looked up in.
  return {
    optimizer,
    add(loss) {
      if (!isFollowed && !follow()) return
      const gradients = source.gradients(optimizer.gradients, pending === 0, 1 / batchSize)
      const mean = total === undefined || loss === undefined ? undefined : total + loss / batchSize
      if (pending + 1 === batchSize) {
        step(gradients, mean)
      } else {
        total = mean
        pending++
      }
    },
    flush() {
      if (follow()) stepOnRest()
    },
    epoch(body) {
      isFollowed = follow()
      try {
        const result = body()
        stepOnRest()
        return result
      } finally {
        isFollowed = false
      }
    },
    load(checkpoint) {
      optimizer.load(checkpoint)
      forget()
    },
    release() {
      if (isReleased) return
      try {
        if (pending > 0 && follow()) stepOnRest()
      } finally {
        isReleased = true
        optimizer.dispose()
      }
    },
  }
}
