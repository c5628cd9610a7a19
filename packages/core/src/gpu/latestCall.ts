import type { KeptState } from '../engines/webgpu/keptState.js'
import { valueAt } from '../transformation/hyperparameter.js'
import { optionRanges } from '../transformation/transformation.js'
import type { StepPlan } from '../step/plan.js'
import { composeReport, noResult, type StepReport } from '../step/report.js'
import { unitScalars } from '../step/scalarInputs.js'

/** What the host knows of the latest update. */
export interface LatestCall {
  /** Whether no parameter had a gradient, so that nothing was submitted. */
  readonly isIdle: boolean
  /** Whether each parameter had a gradient. */
  readonly active: readonly boolean[]
  /** At the learning rate of the call. */
  readonly plan: StepPlan
  readonly loss: number | 'device' | undefined
}

/** Puts the report of an update together from what the device keeps, and from schedules, which the host knows precisely. */
export function reportOf(
  kept: KeptState,
  { isIdle, active, plan, loss }: LatestCall,
  skippedSteps: number,
): StepReport {
  const skipped = isIdle || !kept.taken
  const step = skipped ? kept.step + 1 : kept.step
  const units = plan.units.map((unit, index) => {
    if (isIdle || !unit.contributors.some((member) => active[member])) return noResult(unit)
    const { dualNorm, metric, scale } = kept.units[index]!
    return { unit, dualNorm, metric, scale, xi: unitScalars({}, unit, step)['xi']! }
  })
  const settings = plan.profiles[0]?.settings
  return composeReport({
    step: kept.step,
    loss: loss === 'device' ? kept.loss : loss,
    skipped,
    skippedSteps,
    learningRate: settings
      ? valueAt('learningRate', settings.learningRate, optionRanges.learningRate, step)
      : NaN,
    units,
  })
}
