import {
  InducedMetricError,
  type Checkpoint,
  type StepReport,
  type Transformation,
  type TypedArray,
} from '@induced-metric/core'
import {
  checkLearningRate,
  checkTransformation,
  initialReport,
  learningRateAt,
} from '@induced-metric/core/adapter'
import { createSeat, type Seat } from './sharedWeights.js'
import type { Tensor } from './parameter.js'

/** What a kind of network tells of itself. */
export interface Source {
  /** The object that holds the tensors; where it is another one, the network has been made anew. */
  holder(): unknown
  /** The network's tensors as they are now; `undefined` before it has any. */
  tensors(): readonly Tensor[] | undefined
  /**
   * Gives the gradient of the pattern that was just propagated back, times `weight`.
   *
   * @param own an array per tensor, to write to or, from the second pattern of a batch on, to add to
   * @returns `own`, or the arrays of the network's own that hold the gradient
   */
  gradients(own: readonly Float32Array[], isFirst: boolean, weight: number): readonly (TypedArray | null)[]
}

/** Collects the gradients of patterns and takes steps. */
export interface Training {
  /** What the latest step did. */
  readonly report: StepReport
  /** That of the next step; a number that is set takes the place of the transformation's. */
  learningRate: number
  /** Takes in the pattern that was just propagated back, whose loss is `loss`; every `batchSize` patterns make a step. */
  add(loss: number | undefined): void
  /** Takes a step with what has been collected since the last, if anything. */
  flush(): void
  /** Runs what trains on many patterns, in which nothing else happens to the network: it is looked at once, before. */
  epoch<T>(body: () => T): T
  withAveragedWeights<R>(evaluate: () => R): R
  save(): Checkpoint
  load(checkpoint: Checkpoint | Uint8Array): void
  /** Takes the last step and gives the network its arrays back. */
  release(): void
}

/** Sets a training up on a network. */
export function createTraining(transformation: Transformation, source: Source, batchSize: number): Training {
  checkTransformation(transformation)
  let seat: Seat | undefined
  let holder: unknown
  let pending = 0
  /** The learning rate that was set, as long as there is no seat to know it. */
  let rate: number | undefined
  /** The mean loss so far; `undefined` where one is not known. */
  let total: number | undefined = 0
  let isReleased = false
  /** Whether the seat is known to be that of the network as it is now. */
  let isSettled = false

  const isCurrent = (seat: Seat): boolean => source.holder() === holder && seat.settle() !== 'all'
  const checkAttached = (): void => {
    if (!isReleased) return
    throw new InducedMetricError(
      'ERR_DISPOSED',
      'this optimiser was detached from its network; attach another',
    )
  }
  /** The seat of the network as it is now. One whose arrays have all been replaced starts over. */
  const settled = (): Seat | undefined => {
    checkAttached()
    if (seat) {
      if (isCurrent(seat)) return seat
      rate = seat.optimizer.fixedLearningRate
      seat.optimizer.dispose()
      seat = undefined
      forget()
    }
    const tensors = source.tensors()
    if (tensors === undefined || tensors.length === 0) return undefined
    seat = createSeat(transformation, tensors)
    if (rate !== undefined) seat.optimizer.learningRate = rate
    holder = source.holder()
    training.report = seat.optimizer.report
    return seat
  }
  const existing = (purpose: string): Seat => {
    const found = settled()
    if (found) return found
    throw new InducedMetricError(
      'ERR_CHECKPOINT',
      `${purpose}: the network has no weights yet. Train it first, or give it some with fromJSON or initialize`,
    )
  }
  const forget = (): void => {
    pending = 0
    total = 0
  }
  const step = (seat: Seat, gradients: readonly (TypedArray | null)[], loss: number | undefined): void => {
    // Whatever comes of the step, its gradients are used up.
    forget()
    seat.step(gradients, loss)
    training.report = seat.optimizer.report
  }
  /** Takes a step with a batch that has not come to its end. */
  const flush = (): void => {
    if (pending === 0 || !seat) return
    const missing = batchSize / pending
    for (const gradient of seat.gradients) for (let i = 0; i < gradient.length; i++) gradient[i]! *= missing
    step(seat, seat.gradients, total === undefined ? undefined : total * missing)
  }

  const training: { -readonly [K in keyof Training]: Training[K] } = {
    report: initialReport,
    get learningRate() {
      return seat?.optimizer.learningRate ?? learningRateAt(transformation, rate, 1)
    },
    set learningRate(value) {
      checkAttached()
      checkLearningRate(value)
      if (seat) seat.optimizer.learningRate = value
      else rate = value
    },
    add(loss) {
      if (!isSettled) settled()
      if (!seat) return
      const gradients = source.gradients(seat.gradients, pending === 0, 1 / batchSize)
      const mean = total === undefined || loss === undefined ? undefined : total + loss / batchSize
      if (pending + 1 === batchSize) {
        step(seat, gradients, mean)
      } else {
        total = mean
        pending++
      }
    },
    flush() {
      settled()
      flush()
    },
    epoch(body) {
      isSettled = settled() !== undefined
      try {
        const result = body()
        flush()
        return result
      } finally {
        isSettled = false
      }
    },
    withAveragedWeights: (evaluate) =>
      existing('withAveragedWeights').optimizer.withAveragedWeights(evaluate),
    save: () => existing('save').optimizer.save(),
    load(checkpoint) {
      const { optimizer } = existing('load')
      optimizer.load(checkpoint)
      forget()
      training.report = optimizer.report
    },
    release() {
      if (isReleased) return
      try {
        if (seat && isCurrent(seat)) flush()
      } finally {
        isReleased = true
        rate = seat?.optimizer.fixedLearningRate ?? rate
        seat?.release()
        seat = undefined
      }
    },
  }
  return training
}
