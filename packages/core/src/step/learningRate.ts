import { valueAt, type Scheduled } from '../transformation/hyperparameter.js'
import { checkNumber } from '../validation/range.js'
import type { StepPlan } from './plan.js'
import { isSchedule, peakOf } from '../transformation/schedules.js'
import { optionRanges } from '../transformation/transformation.js'
import type { GroupSettings, Transformation } from '../transformation/types.js'

/**
 * Throws ERR_OPTION unless a learning rate that is set while training runs is a finite number ≥ 0.
 *
 * @example
 * ```ts
 * import { checkLearningRate } from '@induced-metric/core/adapter'
 *
 * checkLearningRate(0.01)
 * ```
 */
export function checkLearningRate(value: unknown): asserts value is number {
  checkNumber('learningRate', value, optionRanges.learningRate)
}

/**
 * The learning rate at a step: the one that was set, else the transformation's.
 *
 * @param fixed the number that was set, `undefined` where none was
 * @param step counted from 1
 * @throws ERR_OPTION when a schedule leaves its range
 */
export function learningRateAt(
  { settings }: Pick<Transformation, 'settings'>,
  fixed: number | undefined,
  step: number,
): number {
  return fixed ?? valueAt('learningRate', settings.learningRate, optionRanges.learningRate, step)
}

/**
 * The plan with a learning rate that was set in place of the transformation's number or schedule. A group whose own
 * learning rate is another one keeps it. Everything that depends on a group's learning rate reads it in the settings of
 * the plan, and so follows. A ξ that is tied to it stays tied to the largest rate there is: a rate that is set lower then
 * shortens the steps, as a schedule does.
 *
 * @param fixed the number that was set; with `undefined` the plan is as it was
 */
export function withLearningRate(plan: StepPlan, fixed: number | undefined): StepPlan {
  if (fixed === undefined) return plan
  const { learningRate } = plan.transformation.settings
  const adjust = <T extends { readonly settings: GroupSettings }>(owner: T): T =>
    isSameRate(owner.settings.learningRate, learningRate)
      ? {
          ...owner,
          settings: { ...owner.settings, learningRate: fixed, tiedRate: tiedRate(learningRate, fixed) },
        }
      : owner
  return { ...plan, profiles: plan.profiles.map(adjust), units: plan.units.map(adjust) }
}

/** The rate that ξ is tied to when one was set. */
function tiedRate(learningRate: Scheduled, fixed: number): number {
  const peak = typeof learningRate === 'number' ? learningRate : peakOf(learningRate)
  return Math.max(peak ?? fixed, fixed)
}

/** Whether two are the same, of built-in schedules by what they are: a transformation that was saved has copies. */
function isSameRate(a: Scheduled, b: Scheduled): boolean {
  if (a === b) return true
  return isSchedule(a) && isSchedule(b) && JSON.stringify(a) === JSON.stringify(b)
}
