import type { FusedStep, FusedStepNumbers } from './passes.js'
import type { StepPlan } from './planned.js'
import { hasProfileScalars } from './profileStepper.js'
import type { StepOutcome, UnitResult } from './report.js'
import { writeScalars, type PreparedScalars } from './scalarInputs.js'
import type { ScalarState } from './scalarState.js'
import { stateInputs } from './unitStepper.js'

/**
 * Takes a step in one call. The scalars of the plan's profile have been written for it.
 *
 * @returns `undefined` where the step has to take the passes; then nothing has changed
 */
export type TakeFused = <G>(
  fused: FusedStep<G>,
  gradients: readonly (G | null)[],
  state: ScalarState,
  step: number,
  loss: number | undefined,
) => StepOutcome | undefined

/** Prepares steps in one call. Returns `undefined` unless the plan has one profile and one unit. */
export function createFusedStepper(
  plan: StepPlan,
  profiles: readonly PreparedScalars[],
  units: readonly PreparedScalars[],
): TakeFused | undefined {
  const [profile, unit] = [profiles[0], units[0]]
  if (!profile || !unit || profiles.length > 1 || units.length > 1 || hasProfileScalars(plan))
    return undefined
  const metricUnit = plan.units[0]!
  const numbers: FusedStepNumbers = {
    profile: profile.scalars,
    unit: unit.scalars,
    values: stateInputs(metricUnit).map(() => 0),
    step: 0,
    metricStep: 0,
    loss: 0,
    average: 0,
    metric: 0,
    scale: 0,
    dualNorm: 0,
  }
  // One object for all steps: creating it would be a good part of a step on a few weights.
  const result = { unit: metricUnit, scale: 0, dualNorm: 0, metric: 0, xi: 0 } satisfies UnitResult
  const outcome = { skipped: false, learningRate: 0, units: [result] as const }
  const isConstant = profile.scheduled.length === 0 && unit.scheduled.length === 0
  /** Whether the engine has been given the scalars, which stay the same where none is scheduled. */
  let isWritten = false

  return (fused, gradients, { steps, units: [kept] }, step, loss) => {
    const { values } = kept!
    const count = steps[0]!
    for (let i = 1; i < steps.length; i++) if (steps[i] !== count) return undefined
    writeScalars(unit.scalars, unit.scheduled, step)
    numbers.step = count + 1
    numbers.metricStep = kept!.steps + 1
    numbers.loss = loss ?? NaN
    numbers.average = kept!.average
    for (let i = 0; i < values.length; i++) numbers.values[i] = values[i]!
    if (!fused.take(gradients, numbers, isWritten && isConstant)) return undefined
    isWritten = true
    for (let i = 0; i < steps.length; i++) steps[i] = count + 1
    kept!.average = numbers.average
    for (let i = 0; i < values.length; i++) values[i] = numbers.values[i]!
    kept!.steps++
    result.scale = numbers.scale
    result.dualNorm = numbers.dualNorm
    result.metric = numbers.metric
    result.xi = unit.scalars['xi']!
    outcome.learningRate = profile.scalars['learningRate']!
    return outcome
  }
}
