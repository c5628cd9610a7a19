import type { Hyperparameters, Space } from '../space/space.js'

/** A configuration that was tried, as samplers see it. */
export interface TriedConfiguration {
  readonly hyperparameters: Hyperparameters
  /** `failed` if any of its runs failed, timed out or gave no finite metric; `stopped` if any was stopped early. */
  readonly status: 'finished' | 'stopped' | 'failed'
  /** The mean of its metric over the seeds, negated where the metric is maximised: smaller is better. NaN if it failed. */
  readonly loss: number
}

const order = { finished: 0, stopped: 1, failed: 2 } as const

/** Compares configurations for sorting, the best first. Those stopped early come after all that finished, failures last. */
export function compareTried(a: TriedConfiguration, b: TriedConfiguration): number {
  return order[a.status] - order[b.status] || (a.status === 'failed' ? 0 : a.loss - b.loss)
}

/** What a sampler is asked. */
export interface Proposal {
  readonly space: Space
  /** The number of the configuration, from 0. */
  readonly index: number
  /** The study's `samplerSeed`. */
  readonly seed: number
  /** The configurations before index − delay, in their order; of a sampler that does not learn, none. */
  readonly tried: readonly TriedConfiguration[]
}

/** Chooses the configurations of a study. The same proposal must always give the same configuration. */
export interface Sampler {
  readonly name: string
  /** Its options, as JSON: they become part of the stored study. */
  readonly options: Readonly<Record<string, unknown>>
  /** Whether it reads what was tried. */
  readonly learns: boolean
  /** How many configurations there are, where they have an end. */
  readonly size?: (space: Space) => number
  readonly propose: (proposal: Proposal) => Hyperparameters
}
