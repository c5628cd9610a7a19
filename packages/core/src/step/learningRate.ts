import { valueAt, type Scheduled } from '../transformation/hyperparameter.js'
import { checkNumber } from '../validation/range.js'
import type { StepPlan } from './planned.js'
import { isSchedule } from '../transformation/schedule.js'
import { peakOf } from '../transformation/scheduleJSON.js'
import { optionRanges } from '../transformation/transformation.js'
import type { GroupSettings, Transformation } from '../transformation/types.js'

/** Throws ERR_OPTION unless a learning rate that is set during training is a finite number ≥ 0. */
export function checkLearningRate(value: unknown): asserts value is number {
  checkNumber('learningRate', value, optionRanges.learningRate)
}

/**
 * The learning rate at a step: the one that was set, or else the transformation's.
 *
 * @param fixed the number that was set; `undefined` if none was
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
 * The plan with a learning rate that replaces the transformation's number or schedule. A group whose own learning rate
 * differs keeps it. Everything that depends on a group's learning rate reads it in the settings of the plan, and so
 * follows. A tied ξ stays tied to the largest of the rates, so setting a lower one shortens the steps, as a schedule does.
 *
 * @param fixed the number that was set; `undefined` leaves the plan as it is
 */
export function withLearningRate(plan: StepPlan, fixed: number | undefined): StepPlan {
  if (fixed === undefined) return plan
  const tiedRate = Math.max(peakRate(plan) ?? fixed, fixed)
  const adjust = <T extends { readonly settings: GroupSettings }>(owner: T): T =>
    followsRate(plan, owner.settings)
      ? { ...owner, settings: { ...owner.settings, learningRate: fixed, tiedRate } }
      : owner
  return { ...plan, profiles: plan.profiles.map(adjust), units: plan.units.map(adjust) }
}

/** Whether a learning rate that is set replaces a group's. */
export function followsRate({ transformation }: StepPlan, { learningRate }: GroupSettings): boolean {
  return isSameRate(learningRate, transformation.settings.learningRate)
}

/** The largest learning rate of the transformation; `undefined` if it is a function of the caller. */
export function peakRate({ transformation }: StepPlan): number | undefined {
  const { learningRate } = transformation.settings
  return typeof learningRate === 'number' ? learningRate : peakOf(learningRate)
}

/** Whether two learning rates are the same. Built-in schedules are compared by content: a restored transformation has copies. */
function isSameRate(a: Scheduled, b: Scheduled): boolean {
  if (a === b) return true
  return isSchedule(a) && isSchedule(b) && JSON.stringify(a) === JSON.stringify(b)
}
