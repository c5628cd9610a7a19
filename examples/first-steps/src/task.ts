import type { Transformation } from '@induced-metric/core'

/** The optimiser of the public example, or one of ours for the number of steps of the run. */
export type Choice = 'own' | { readonly induced: (steps: number) => Transformation }

/** A small network from a public example. */
export interface Task {
  readonly id: string
  readonly title: string
  /** The optimiser and the settings that the example's authors chose. */
  readonly own: string
  /** The measured quantity; less is better. */
  readonly measure: string
  /** Trains from the initial weights of a seed, and measures. */
  readonly train: (choice: Choice, seed: number) => Promise<number>
}
