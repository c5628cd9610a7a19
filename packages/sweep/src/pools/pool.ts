import type { Job } from '../runs/job.js'

/** Runs jobs somewhere. */
export interface RunPool {
  /** How many jobs are worth giving it at once. */
  readonly capacity: number
  /** Runs a job and gives its outcome as a text. Fails only if the pool itself does. */
  readonly run: (job: Job) => Promise<string>
  /** Says that the outcome of a job is stored for good. */
  readonly acknowledge: (job: Job) => void
  /** The jobs that are running now, as far as is known. */
  readonly running: () => number
  /** Gives back jobs that have not begun: their promises never settle. The others go on. */
  readonly withdraw: () => Promise<readonly Job[]>
  /** Ends it. Runs that have not ended are given up. */
  readonly close: () => Promise<void>
}
