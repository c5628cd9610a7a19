import type { Transformation } from '@induced-metric/core'

/** The optimiser that the public example comes with, or one of ours over the number of steps of the run. */
export type Choice = 'own' | { readonly induced: (steps: number) => Transformation }

/** A small network as a public example has it. */
export interface Task {
  readonly id: string
  readonly title: string
  /** The optimiser and the settings that the example was given by its authors. */
  readonly own: string
  /** What is measured; less is better. */
  readonly measure: string
  /** Trains from the first weights that the seed makes, and measures. */
  readonly train: (choice: Choice, seed: number) => Promise<number>
}
