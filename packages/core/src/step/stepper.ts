import { compileScalars, type Scalars } from '../graph/hostScalars.js'
import { createFusedStepper } from './fusedStepper.js'
import { clipGraph, stepStatus } from './metricGraph.js'
import { createParameterScalars } from './parameterScalars.js'
import type { Passes } from './passes.js'
import { createProfileStepper, hasProfileScalars } from './profileStepper.js'
import type { StepPlan } from './planned.js'
import { noResult, refusal, type StepOutcome } from './report.js'
import {
  prepareScalars,
  profileEntries,
  unitEntries,
  writeScalars,
  type PreparedScalars,
} from './scalarInputs.js'
import type { ScalarState } from './scalarState.js'
import { createUnitStepper, type EvaluatedUnit } from './unitStepper.js'

/** Takes steps: the passes of an engine, with the scalar work on the host before, between and after them. */
export interface Stepper {
  /**
   * @param passes work on the tensors
   * @param gradients one per parameter, in the form that the passes take; `null` where there is none
   * @param state updated when the step is written
   * @param given `step`: the number of the step, counted from 1; `loss`: L at the parameters before the step
   * @throws ERR_OPTION, ERR_NON_FINITE, ERR_BAD_LOSS before anything is written
   */
  take<G extends object>(
    passes: Passes<G>,
    gradients: readonly (G | null)[],
    state: ScalarState,
    given: { readonly step: number; readonly loss: number | undefined },
  ): StepOutcome
}

/** Prepares the steps of a plan. */
export function createStepper(plan: StepPlan): Stepper {
  const profiles = plan.profiles.map((profile) => prepareScalars(profileEntries(profile)))
  const units = plan.units.map((unit) => prepareScalars(unitEntries(unit)))
  const takeFused = createFusedStepper(plan, profiles, units)
  // Steps in one call need none of it.
  let inPasses: Stepper | undefined
  return {
    take(passes, gradients, state, given) {
      const { step, loss } = given
      // Everything that can go wrong goes wrong before the first write.
      for (const profile of profiles) writeScalars(profile.scalars, profile.scheduled, step)
      if (takeFused && passes.fused) {
        const outcome = takeFused(passes.fused, gradients, state, step, loss)
        if (outcome) return outcome
      }
      inPasses ??= createPassStepper(plan, profiles, units)
      return inPasses.take(passes, gradients, state, given)
    },
  }
}

/** Prepares steps in passes. The scalars of the plan's profiles have been written for each. */
function createPassStepper(
  plan: StepPlan,
  profiles: readonly PreparedScalars[],
  unitScalars: readonly PreparedScalars[],
): Stepper {
  const { parameters, transformation } = plan
  const scalars = createParameterScalars(plan, profiles)
  /** The results of the passes, by name: an array for each reduction and change, with each parameter's part. */
  const parts = new Map(
    [...plan.reductions, ...plan.changes].map((name) => [name, new Float64Array(parameters.length)]),
  )
  const reductions = plan.reductions.map((name) => parts.get(name)!)
  const changes = plan.changes.map((name) => parts.get(name)!)
  const units = plan.units.map((unit, i) => createUnitStepper(unit, unitScalars[i]!, parts))
  const totals = plan.totals.map(() => new Float64Array(parameters.length))
  const shares = hasProfileScalars(plan)
    ? plan.profiles.map((profile, i) => createProfileStepper(profile, scalars.current, profiles[i]!.scalars))
    : []
  const clip = plan.clips.length > 0 ? createClipper(plan) : undefined

  /** Writes parameters, slots and state. */
  const write = (
    passes: Passes<never>,
    active: readonly number[],
    gradients: readonly unknown[],
    state: ScalarState,
    results: readonly (EvaluatedUnit | undefined)[],
    shared: readonly (readonly number[])[],
  ): void => {
    let last: Scalars | undefined
    for (const index of active) {
      const own = scalars.current[index]!
      // Neighbours mostly share theirs.
      if (own !== last) own['scale'] = results[parameters[index]!.unit]!.scale
      last = own
      state.steps[index]!++
    }
    passes.update(changes)
    results.forEach((result, i) => {
      if (result !== undefined) units[i]!.keep(result, state.units[i]!, gradients)
    })
    shares.forEach((share, i) => share.keep(shared[i]!, state.profiles[i]!, gradients))
  }

  return {
    take(passes, gradients, state, { step, loss }) {
      const active = scalars.gather(gradients, state.steps)
      shares.forEach((share, i) => share.begin(state.profiles[i]!, loss))
      passes.begin(active, gradients, scalars.current)
      clip?.(passes, gradients, scalars.current)
      if (totals.length > 0) passes.totals(totals)
      const shared = shares.map((share) => share.total(gradients, totals))
      passes.reduce(reductions)
      const results = units.map((unit, i) => unit.evaluate(gradients, state.units[i]!, step, loss))

      const failed = results.find((result) => result !== undefined && result.status !== stepStatus.ok)
      if (failed) {
        const { unit, status, dualNorm } = failed
        const error = refusal(transformation, unit, status, { dualNorm, loss })
        if (error) throw error
      }
      const skipped = failed !== undefined || active.length === 0
      if (!skipped) write(passes, active, gradients, state, results, shared)
      return {
        skipped,
        learningRate: profiles[0]?.scalars['learningRate'] ?? NaN,
        units: results.map((result, i) => result ?? noResult(plan.units[i]!)),
      }
    },
  }
}

/** Prepares the computation of the factors by which a step's gradients are clipped, and puts them into scalars. */
function createClipper(plan: StepPlan) {
  const norms = new Float64Array(plan.parameters.length)
  const compute = compileScalars(clipGraph, ['clip'])
  return (
    passes: Pick<Passes<never>, 'norm'>,
    gradients: readonly unknown[],
    scalars: readonly Scalars[],
  ): void => {
    passes.norm(norms)
    for (const { clipNorm, members } of plan.clips) {
      const clipped = members.filter((index) => gradients[index] !== null)
      const normSquared = clipped.reduce((total, index) => total + norms[index]!, 0)
      const [factor] = compute({ normSquared, clipNorm }) as unknown as [number]
      for (const index of clipped) scalars[index]!['clip'] = factor
    }
  }
}
