import { lossCount } from '../step/metricGraph.js'
import { fillNormals, normalSources } from '../step/normals.js'
import type { StepPlan } from '../step/plan.js'
import { profileEntries, unitEntries, type ScalarEntry } from '../step/scalarInputs.js'
import { sizeOf } from '../shape.js'
import type { DeferredInputs } from '../tensors/deferredInputs.js'
import type { FusedValue } from '../tensors/fused/evaluation.js'
import { Candidates, candidateCount } from '../tensors/fused/shaders.js'
import { tensorShape } from '../tensors/tensorShape.js'
import { valueAt } from '../transformation/hyperparameter.js'
import type { VariableBackend, VariableGradient } from './backend.js'
import type { Constants } from './constants.js'
import type { Counted, Refusals } from './refusals.js'
import { valuesOf, type ProfileState, type State } from './state.js'

/**
 * The values that a step reads.
 *
 * @throws ERR_OPTION when a schedule leaves its range
 */
export function inputsOf<T extends object>(
  plan: StepPlan,
  pairs: readonly VariableGradient<T>[],
  loss: T | number | undefined,
  given: {
    readonly backend: VariableBackend<T>
    readonly state: State<T>
    readonly constants: Constants<T>
    /** Returns how many refused steps the host does not know of; `undefined` if operations take the step. */
    readonly refused: ReturnType<Refusals<T>['counts']> | undefined
  },
): DeferredInputs<FusedValue<T>> {
  const { backend, state } = given
  const { tensor } = given.constants
  const step = state.step + 1
  const isActive = (index: number): boolean => pairs[index]!.gradient !== null
  const variables = plan.parameters.map(({ name }) => state.variables.get(name)!)
  const refused = refusedSteps(plan, state, given.refused)
  const counted = createCounted<T>()
  const profiles = plan.profiles.map((profile) => profileEntries(profile))
  const units = plan.units.map((unit) => {
    const kept = state.units.get(unit.key)!
    const entries = unit.contributors.some(isActive) ? unitEntries(unit) : []
    return { unit, kept, values: valuesOf(unit, kept), entries }
  })
  // What is wrong with a schedule is wrong before anything is computed.
  for (const { label, value, range } of [...profiles, ...units.map(({ entries }) => entries)].flat())
    valueAt(label, value, range, step)
  const scheduled = (
    entries: readonly ScalarEntry[] = [],
    input: string,
  ): number | Candidates<T> | undefined => {
    const entry = entries.find((one) => one.input === input)
    if (entry === undefined) return undefined
    const { label, value, range } = entry
    return typeof value === 'number'
      ? value
      : counted(step, refused.all, (count) => valueAt(label, value, range, count))
  }
  return {
    active: [...pairs.keys()].filter(isActive),
    gradient: (parameter) => pairs[parameter]!.gradient!,
    parameter: (parameter) => pairs[parameter]!.variable,
    slot: (parameter, name) => variables[parameter]!.slots[name]!,
    normal(parameter, stream) {
      const source = normalSources(plan, parameter).find((one) => one.stream === stream)!
      const shape = tensorShape(plan.parameters[parameter]!)
      const values = new Float32Array(sizeOf(shape))
      fillNormals(values, { ...source, step: variables[parameter]!.steps + 1 })
      return backend.from(values, shape)
    },
    step: (parameter) => counted(variables[parameter]!.steps + 1, refused.variables[parameter]),
    profile: (profile, input) => scheduled(profiles[profile], input),
    unit: (unit, input) => scheduled(units[unit]!.entries, input),
    metricStep: (unit) => counted(units[unit]!.kept.steps + 1, refused.units[unit]),
    // A loaded average is rounded to single precision, in which the device computes all others.
    average: (unit) => tensor(units[unit]!.kept.average),
    state(index, name) {
      const { unit, values } = units[index]!
      const value = values[unit.graph.state.indexOf(name)]!
      if (name !== lossCount) return tensor(value)
      return typeof value === 'number'
        ? counted(value + 1, refused.units[index], (count) => count - 1)
        : value
    },
    loss: () => loss,
    profileStep: (profile) => counted(profileOf(plan, profile, state).steps + 1, refused.profiles[profile]),
    shared(profile, name) {
      const { names, values } = profileOf(plan, profile, state)
      return tensor(values[names.indexOf(name)]!)
    },
  }
}

/** How many refused steps the host does not know of: all, and by variable, unit and profile. */
function refusedSteps<T extends object>(
  { parameters, units, profiles }: StepPlan,
  state: State<T>,
  countOf: ReturnType<Refusals<T>['counts']> | undefined,
) {
  const ofState = (changed: Counted<T>[number] | undefined): T | undefined => changed && countOf?.(changed)
  return {
    all: countOf?.(),
    variables: parameters.map(({ name }) => ofState(state.variables.get(name))),
    units: units.map(({ key }) => ofState(state.units.get(key))),
    profiles: profiles.map(({ key }) => ofState(state.profiles.get(key))),
  }
}

/**
 * Prepares numbers that follow from a count of steps, from 1, which may be less by the steps that the device has refused.
 *
 * @returns a function of the count, of how many were refused (`undefined` if none), and of what follows. Counts are the same
 *   objects for the same numbers, so that what follows from them is computed once
 */
function createCounted<T>() {
  const known = new Map<T, Map<number, Candidates<T>>>()
  const create = (count: number, refused: T, valueOf: (count: number) => number): Candidates<T> =>
    new Candidates(
      Array.from({ length: candidateCount }, (_, i) => valueOf(Math.max(1, count - i))),
      refused,
    )
  return (
    count: number,
    refused: T | undefined,
    valueOf?: (count: number) => number,
  ): number | Candidates<T> => {
    if (refused === undefined) return valueOf ? valueOf(count) : count
    if (valueOf) return create(count, refused, valueOf)
    const counts = known.get(refused) ?? new Map<number, Candidates<T>>()
    known.set(refused, counts)
    const found = counts.get(count) ?? create(count, refused, (same) => same)
    counts.set(count, found)
    return found
  }
}

/** The state of a profile that keeps any. */
function profileOf<T extends object>(
  { profiles }: StepPlan,
  index: number,
  state: State<T>,
): ProfileState<T> {
  return state.profiles.get(profiles[index]!.key)!
}
