import type { StoredRun } from './results/store.js'
import type { Hyperparameters } from './space/space.js'

/** How far a study has come. */
export interface Progress {
  readonly study: string
  /** Runs, as all other numbers here. */
  readonly total: number
  readonly done: number
  readonly running: number
  /** Runs that failed, gave no finite metric or timed out. */
  readonly failed: number
  /** The best value of a single finished run so far, and its configuration. */
  readonly best: { readonly value: number; readonly configuration: number } | undefined
  /** Runs of earlier calls among `done`. */
  readonly found: number
}

/** A run that has just ended. */
export type EndedRun = Omit<StoredRun, 'ended' | 'metrics'> & { readonly hyperparameters: Hyperparameters }

/** Something that happened, with the progress after it. */
export type SweepEvent =
  /** Before the first run. */
  | { readonly kind: 'start'; readonly progress: Progress }
  /** A run begins or, over Redis, is given out. */
  | {
      readonly kind: 'begin'
      readonly progress: Progress
      readonly configuration: number
      readonly seed: number
    }
  | { readonly kind: 'run'; readonly progress: Progress; readonly run: EndedRun }
  /** Something that the user should know, such as that no worker is connected. */
  | { readonly kind: 'notice'; readonly progress: Progress; readonly notice: string }
