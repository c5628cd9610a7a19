import type { Parameter, TypedArray } from '@induced-metric/core'

/** How well a run ended. */
export interface Score {
  /** Over the training data, or the expected one where there is no data. */
  readonly loss: number
  /** On the test set, where the task has one that is classified. */
  readonly accuracy?: number
}

/** A loss with its gradients, of a batch at a time. All optimisers of a task see this one. */
export interface Problem {
  /** The parameters, whose values whoever trains moves. */
  readonly parameters: readonly Parameter[]
  /** ∂L/∂θ by parameter, as `differentiate` has left it. */
  readonly gradients: readonly TypedArray[]
  /**
   * Computes the gradients at the parameters as they are.
   *
   * @param step - counted from 1; it says which batch, so that every run sees the same
   * @returns the loss of that batch
   */
  differentiate(step: number): number | Promise<number>
  /** What the parameters as they are come to. */
  evaluate(): Score | Promise<Score>
  release(): void | Promise<void>
}

/** Something to be trained. */
export interface Task {
  readonly id: string
  readonly title: string
  /** A sentence or two for the report. */
  readonly description: string
  /** Steps of a run. */
  readonly steps: number
  /** What the loss is. */
  readonly loss: string
  /** A loss that is no better than none; charts end a little above it. */
  readonly untrained: number
  /** A lower bound of the loss, where 0 is not the best known. */
  readonly floor?: number
  /** Whether it is another task made harder, to see where `rateFree` breaks. */
  readonly isHarder?: boolean
  /** The problem with the first parameters, batches and noise of a seed. */
  open(seed: number): Problem | Promise<Problem>
}
