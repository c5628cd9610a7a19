import type { Parameter, TypedArray } from '@induced-metric/core'

/** What an optimiser of the study is made for. */
export interface Setup {
  /** Moved in place, in float32 or float64 as they are. */
  readonly parameters: readonly Parameter[]
  /** The learning rate, or what an optimiser has in its place. */
  readonly rate: number
  /** How long the run is. */
  readonly steps: number
  /** A lower bound of the loss, where 0 is not the best known. */
  readonly floor?: number
}

/** An optimiser in the middle of a run. */
export interface StudyOptimizer {
  /**
   * Moves the parameters.
   *
   * @param gradients - one per parameter, at the parameters as they are
   * @param loss - of the batch that they come from
   */
  step(gradients: readonly TypedArray[], loss: number): void
  /** The weights it would have evaluated, where those aren't the parameters. */
  evaluated?(): readonly TypedArray[]
  dispose?(): void
}

/** An optimiser that the study compares. */
export interface OptimizerEntry {
  readonly id: string
  readonly title: string
  /** What it is, in a line for the report. */
  readonly description: string
  /** What stands in the place of the learning rate, where something does. */
  readonly rateName?: string
  /** Whether it has its place in the tables alone: charts with more lines than these cannot be read. */
  readonly isUncharted?: boolean
  create(setup: Setup): StudyOptimizer
}

/** An array of zeros of the same length and element type. */
export function zerosLike(data: TypedArray): TypedArray {
  return data instanceof Float64Array ? new Float64Array(data.length) : new Float32Array(data.length)
}
