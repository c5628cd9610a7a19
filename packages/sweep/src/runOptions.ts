import type { SweepEvent } from './events.js'

/** The options of `runStudy`. */
export interface RunStudyOptions {
  /** The file of the results, in SQLite. Default: the study's name and `.sqlite`, in the working directory. */
  readonly results?: string
  /** The URL of a Redis server, whose workers run the study. Default: threads of this process do. */
  readonly redis?: string
  /** Threads, without `redis`. Default: the number of cores. */
  readonly threads?: number
  /** Runs that failed or timed out run again, in a study that does not learn. Default: they keep their results. */
  readonly retry?: boolean
  /** When it is aborted, nothing new begins, and what is running is waited for and stored. */
  readonly signal?: AbortSignal
  /** Called when a run has ended and been stored, and when there is something to tell. */
  readonly onEvent?: (event: SweepEvent) => void
}

/** The options of `runWorker`. */
export interface RunWorkerOptions {
  /** The URL of the Redis server that the coordinator uses. */
  readonly redis: string
  /** Threads, each with one run at a time. Default: the number of cores. */
  readonly threads?: number
  /** Seconds after which a run of a worker that died is given to another one. Default 30. */
  readonly lockSeconds?: number
  /** When it is aborted, the worker takes no more runs, and returns when those that it has are done. */
  readonly signal?: AbortSignal
  /** Called with what a user should know, line by line. */
  readonly onNotice?: (text: string) => void
}
