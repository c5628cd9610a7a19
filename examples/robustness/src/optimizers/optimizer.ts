import type { Parameter, TypedArray } from '@induced-metric/core'

/** The input for creating an optimiser of the study. */
export interface Setup {
  /** Updated in place, in their own float32 or float64. */
  readonly parameters: readonly Parameter[]
  /** The learning rate, or the parameter that an optimiser has in its place. */
  readonly rate: number
  /** The length of the run. */
  readonly steps: number
  /** A lower bound of the loss, where a better one than 0 is known. */
  readonly floor?: number
}

/** An optimiser in the middle of a run. */
export interface StudyOptimizer {
  /**
   * Updates the parameters.
   *
   * @param gradients - one per parameter, at the current parameters
   * @param loss - of the same batch
   */
  step(gradients: readonly TypedArray[], loss: number): void
  /** The weights to evaluate, where those are not the parameters. */
  evaluated?(): readonly TypedArray[]
  dispose?(): void
}

/** An optimiser that the study compares. */
export interface OptimizerEntry {
  readonly id: string
  readonly title: string
  /** A one-line description for the report. */
  readonly description: string
  /** The name of the parameter that replaces the learning rate, if any. */
  readonly rateName?: string
  /** Whether it is shown only in the tables: charts with more lines than these cannot be read. */
  readonly isUncharted?: boolean
  create(setup: Setup): StudyOptimizer
}

/** An array of zeros of the same length and element type. */
export function zerosLike(data: TypedArray): TypedArray {
  return data instanceof Float64Array ? new Float64Array(data.length) : new Float32Array(data.length)
}
