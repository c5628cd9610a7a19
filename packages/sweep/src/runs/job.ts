import type { Hyperparameters } from '../space/space.js'
import type { Thresholds } from '../stopping/rule.js'

/** One run of a study, as it is sent to whoever runs it. */
export interface Job {
  /** The number of the configuration, from 0. */
  readonly configuration: number
  readonly seed: number
  readonly hyperparameters: Hyperparameters
  readonly thresholds: Thresholds
}

/** Names a job of a study. */
export function jobId({ configuration, seed }: Pick<Job, 'configuration' | 'seed'>): string {
  return `c${configuration}-s${seed}`
}
