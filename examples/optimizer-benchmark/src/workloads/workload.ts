import type { Problem } from '@induced-metric/example-robustness'

/** A training task with a fixed length. Its problem's `evaluate` gives the loss on data apart from the training data. */
export interface Workload {
  readonly id: string
  readonly title: string
  /** A sentence or two for the report. */
  readonly description: string
  /** Steps of a run. */
  readonly steps: number
  /** The problem with the initial parameters, batches and noise of a seed. */
  readonly open: (seed: number) => Promise<Problem>
}
