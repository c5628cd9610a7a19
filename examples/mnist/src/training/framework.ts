import type { Batch } from '../data/batches.js'
import type { NetworkArray } from '../network/network.js'
import type { Setting } from '../settings.js'

/** What a step of training reports. */
export interface StepRecord {
  /** Counted from 1, through all epochs. */
  readonly step: number
  /** Mean cross-entropy of the batch, before the step. */
  readonly loss: number
  /** Share of the batch that was classified rightly, before the step. */
  readonly accuracy: number
  /** The factor ρ the base direction was multiplied by; null for an optimiser without one. */
  readonly scale: number | null
  /** The dual norm s (squared) of the gradient; null where none is computed. */
  readonly dualNorm: number | null
}

/** What the test set says between epochs. */
export interface EpochRecord {
  /** 0 stands for the network before training. */
  readonly epoch: number
  readonly testLoss: number
  readonly testAccuracy: number
}

/** One network to be trained by one optimiser. */
export interface TrainingJob {
  /** The start, as `[weight, bias, …]`: weights are inputs × outputs. Not to be written to. */
  readonly network: readonly NetworkArray[]
  /** An epoch takes these in order. */
  readonly batches: readonly Batch[]
  readonly test: Batch
  readonly epochs: number
  readonly setting: Setting
  /** Once aborted, the training returns after the step under way. */
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
 * softmax cross-entropy. A module of `frameworks` that exports one as `framework` is in the demonstration.
 */
export interface Framework {
  readonly id: string
  readonly title: string
  /** Settings of its own in place of those with the same ids, where its network is another one. */
  readonly settings?: readonly Setting[]
  /** What its losses are, where not mean cross-entropy. */
  readonly loss?: string
  readonly available: () => Promise<Availability>
  /** Hands the event loop a turn after every step, so that the signal can be raised. */
  readonly train: (job: TrainingJob) => Promise<void>
}
