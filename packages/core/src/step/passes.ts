import type { Scalars } from '../graph/hostScalars.js'

/**
 * The passes of a step over the tensors of a plan. A step has a read-only pass (`reduce`, preceded by `norm` where gradients
 * are clipped), a few scalars computed on the host, and a pass that writes (`update`). Nothing changes before the last one,
 * so a step that turns out not to be finite costs nothing to abandon. Each pass covers all parameters that have a gradient.
 */
export interface Passes<G> {
  /**
   * Starts a step.
   *
   * @param active indices of the parameters that have a gradient
   * @param gradients by parameter
   * @param scalars by parameter; parameters with equal scalars share one object. `clip`, totals and `scale` are written into
   *   it before the passes that read them. Scalar slots are not in it: the engine has them. Parameters with such slots share
   *   their scalars with no other, so that it can write them there.
   */
  begin(active: readonly number[], gradients: readonly (G | null)[], scalars: readonly Scalars[]): void
  /**
   * Writes Σ g² of every gradient that is clipped into `results`, by parameter. Parameters that share their scalars belong
   * to one metric unit and one clip unit, so the part of one may be included in the result of another.
   */
  norm(results: Float64Array): void
  /**
   * Writes the plan's `totals`, one array for each, as `norm` does. It is called only where there are any, before `reduce`.
   * Where a parameter's own graph lacks a total, its result is left as it is.
   */
  totals(results: readonly Float64Array[]): void
  /**
   * Writes the plan's `reductions`, one array for each, as `norm` does. A result that is NaN or infinite forbids the step.
   * Where a parameter's own graph lacks a reduction, its result is left as it is.
   */
  reduce(results: readonly Float64Array[]): void
  /**
   * Writes parameters and slots.
   *
   * @param results receive the plan's `changes`, one array for each, as those of `reduce`
   */
  update(results: readonly Float64Array[]): void
  /** Takes a whole step in one call, where that is faster; the passes do not depend on it. */
  readonly fused?: FusedStep<G> | undefined
}

/** A step in one call: the passes, and the scalar work before and between them. */
export interface FusedStep<G> {
  /**
   * Takes a step in which every parameter has a gradient and has been updated equally often.
   *
   * @param numbers of the step; the results are written into it
   * @param isSame whether `profile` and `unit` are as in the call before
   * @returns whether the step was taken. If not, nothing has changed, and the passes either find out why or take it themselves
   */
  take(gradients: readonly (G | null)[], numbers: FusedStepNumbers, isSame: boolean): boolean
}

/** The numbers of a fused step. */
export interface FusedStepNumbers {
  /** Scalars by name, of the parameters' graph and of the metric's. */
  readonly profile: Scalars
  readonly unit: Scalars
  /** t of the parameters and of the metric, this step included. */
  step: number
  metricStep: number
  /** NaN without a loss. */
  loss: number
  /** v, before the step and after it. */
  average: number
  /** The unit's other state, in the order of its graph's, before the step and after it. */
  readonly values: number[]
  /** Results: v̂, ρ and s. */
  metric: number
  scale: number
  dualNorm: number
}
