import type { Batch } from '../data/batches.js'
import type { NetworkArray } from '../network/network.js'
import type { Setting } from '../settings.js'

/** The report of a training step. */
export interface StepRecord {
  /** Counted from 1, through all epochs. */
  readonly step: number
  /** Mean cross-entropy of the batch, before the step. */
  readonly loss: number
  /** Share of the batch that was classified correctly, before the step. */
  readonly accuracy: number
  /** The factor ρ that multiplied the base direction; null for an optimiser without one. */
  readonly scale: number | null
  /** The dual norm s (squared) of the gradient; null where none is computed. */
  readonly dualNorm: number | null
}

/** The results on the test set between epochs. */
export interface EpochRecord {
  /** 0 is the network before training. */
  readonly epoch: number
  readonly testLoss: number
  readonly testAccuracy: number
}

/** One network to train with one optimiser. */
export interface TrainingJob {
  /** The start, as `[weight, bias, …]`: weights are inputs × outputs. Do not write to it. */
  readonly network: readonly NetworkArray[]
  /** An epoch takes these in order. */
  readonly batches: readonly Batch[]
  readonly test: Batch
  readonly epochs: number
  readonly setting: Setting
  /** Once aborted, the training returns after the current step. */
  readonly signal: AbortSignal
  readonly onStep: (record: StepRecord) => void
  /** Called for epoch 0 before the first step, then after each whole epoch. */
  readonly onEpoch: (record: EpochRecord) => void
}

/** Whether a framework can train here, and if not, why. */
export type Availability =
  | { readonly ok: true; readonly detail: string }
  | { readonly ok: false; readonly reason: string }

/**
 * A framework that can train the network: dense layers, GELU in its tanh form after all but the last, mean
 * softmax cross-entropy. The demonstration includes every module of `frameworks` that exports one as
 * `framework`.
 */
export interface Framework {
  readonly id: string
  readonly title: string
  /** Its own settings, which replace those with the same ids, where its network is different. */
  readonly settings?: readonly Setting[]
  /** The name of its loss, where it is not mean cross-entropy. */
  readonly loss?: string
  readonly available: () => Promise<Availability>
  /** Yields to the event loop after every step, so that the signal can be aborted. */
  readonly train: (job: TrainingJob) => Promise<void>
}
