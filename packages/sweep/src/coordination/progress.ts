import type { StoredRun } from '../results/store.js'
import { isBetter } from '../runs/outcome.js'
import type { Hyperparameters } from '../space/space.js'
import type { FullStudy } from '../study/study.js'

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
  | { readonly kind: 'run'; readonly progress: Progress; readonly run: EndedRun }
  /** Something that the user should know, such as that no worker is connected. */
  | { readonly kind: 'notice'; readonly progress: Progress; readonly notice: string }

/** Counts the runs of a study. */
export interface Tally {
  readonly count: (run: Pick<StoredRun, 'status' | 'value' | 'configuration'>) => void
  readonly progress: (running: number) => Progress
}

/** Creates a count of nothing. */
export function createTally({ name, metric, trials, seeds }: FullStudy): Tally & { begin: () => void } {
  let [done, failed, found] = [0, 0, 0]
  let best: Progress['best']
  return {
    count({ status, value, configuration }) {
      done++
      if (status === 'failed' || status === 'notFinite' || status === 'timedOut') failed++
      if (status !== 'finished' || value === null) return
      if (best === undefined || isBetter(metric, value, best.value)) best = { value, configuration }
    },
    begin: () => void (found = done),
    progress: (running) => ({
      study: name,
      total: trials * seeds.length,
      done,
      running,
      failed,
      best,
      found,
    }),
  }
}
