import type { StepPlan } from '../step/plan.js'
import type { VariableGradient } from './backend.js'
import type { PendingReport } from './pendingReport.js'

/** One way to take steps: by compiled loops, or by operations of the framework. */
export interface StepEngine<T> {
  /**
   * Gets ready for the steps of a plan.
   *
   * @throws ERR_NOT_SUPPORTED where it cannot take them; then nothing has changed
   */
  prepare?(plan: StepPlan): void
  /**
   * Updates variables and their state, but not the counts of steps. It is called within a scope.
   *
   * @param pairs the plan's variables and their gradients, in the plan's order
   * @param loss L at the variables before the step
   * @returns the report of the step, whose tensors are kept
   * @throws ERR_OPTION when a schedule leaves its range; ERR_NON_FINITE and ERR_BAD_LOSS where the host decides. Then
   *   nothing has changed.
   */
  take(
    plan: StepPlan,
    pairs: readonly VariableGradient<T>[],
    loss: T | number | undefined,
  ): PendingReport<T | number>
  /**
   * Gives the state back, where it has it elsewhere, for another engine.
   *
   * @returns what takes the steps that the device has refused off the state's counts
   */
  release?(): (() => Promise<void>) | undefined
  dispose(): void
}
