import { compileScalars } from '../graph/hostScalars.js'
import type { MetricUnit, Profile, StepPlan } from './planned.js'
import { profileScalars } from './scalarInputs.js'

/** The numbers that an optimiser keeps from step to step, beside the slots. */
export interface ScalarState {
  /** The number of steps that updated each parameter. */
  readonly steps: number[]
  readonly units: UnitNumbers[]
  /** By profile. */
  readonly profiles: ProfileNumbers[]
}

/** The numbers of a profile. */
export interface ProfileNumbers {
  /** The number of steps that updated any of its parameters. */
  steps: number
  /** The values of its shared scalars, in the order of their names. */
  readonly values: number[]
}

/** The numbers of a metric unit. */
export interface UnitNumbers {
  /** v. */
  average: number
  /** The number of steps it averages. */
  steps: number
  /** The values of the metric graph's `state`, in its order. */
  readonly values: number[]
}

/** The numbers of a metric unit before its first step. */
export function initialUnit({ graph }: MetricUnit): UnitNumbers {
  return { average: 0, steps: 0, values: graph.state.map(() => 0) }
}

/** The numbers before the first step. */
export function initialState(plan: StepPlan): ScalarState {
  return {
    steps: plan.parameters.map(() => 0),
    units: plan.units.map(initialUnit),
    profiles: plan.profiles.map(initialProfile),
  }
}

/** The numbers of a profile before its first step. */
export function initialProfile(profile: Profile): ProfileNumbers {
  const { names } = profile.shared
  if (names.length === 0) return { steps: 0, values: [] }
  const evaluate = compileScalars(
    profile.shared,
    names.map((name) => `initial.${name}`),
  )
  return { steps: 0, values: [...evaluate(profileScalars({}, profile, 1))] }
}
