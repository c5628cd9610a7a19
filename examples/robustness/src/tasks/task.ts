import type { Parameter, TypedArray } from '@induced-metric/core'

/** The result of a run. */
export interface Score {
  /** The loss over the training data, or the expected loss where there is no data. */
  readonly loss: number
  /** The accuracy on the test set, where the task has one with classes. */
  readonly accuracy?: number
}

/** A loss with its gradients, one batch at a time. All optimisers of a task see the same one. */
export interface Problem {
  /** The parameters, whose values the optimiser updates. */
  readonly parameters: readonly Parameter[]
  /** ∂L/∂θ by parameter, written by `differentiate`. */
  readonly gradients: readonly TypedArray[]
  /**
   * Computes the gradients at the current parameters.
   *
   * @param step - counted from 1; it determines the batch, so that every run sees the same batches
   * @returns the loss of that batch
   */
  differentiate(step: number): number | Promise<number>
  /** Evaluates the current parameters. */
  evaluate(): Score | Promise<Score>
  release(): void | Promise<void>
}

/** A training task. */
export interface Task {
  readonly id: string
  readonly title: string
  /** A sentence or two for the report. */
  readonly description: string
  /** Steps of a run. */
  readonly steps: number
  /** The name of the loss. */
  readonly loss: string
  /** The loss of an untrained model; charts end a little above it. */
  readonly untrained: number
  /** A lower bound of the loss, where a better one than 0 is known. */
  readonly floor?: number
  /** Whether it is a harder version of another task, which shows where `rateFree` breaks. */
  readonly isHarder?: boolean
  /** The problem with the initial parameters, batches and noise of a seed. */
  open(seed: number): Problem | Promise<Problem>
}
