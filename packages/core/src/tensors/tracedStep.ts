import { unsupported } from '../errors.js'
import { followsRate, peakRate } from '../step/learningRate.js'
import { stepStatus } from '../step/metricGraph.js'
import type { StepPlan } from '../step/plan.js'
import { profileEntries, tiedRateInputs, unitEntries, type ScalarEntry } from '../step/scalarInputs.js'
import { isTied, perRateOf } from '../transformation/tiedXi.js'
import type { GroupSettings } from '../transformation/types.js'
import type { Lowering } from './backend.js'
import { parameterRequired } from './checks.js'
import type { DeferredInputs } from './deferredInputs.js'
import type { DeferredProfile } from './deferredProfile.js'
import { createDeferredStep, type DeferredUnit } from './deferredStep.js'
import { withHostNumbers } from './hostNumbers.js'
import { joinNumbers, splitNumbers, type StateNumbers } from './state.js'

/** The operations of a framework inside a trace, where tensors have no values that could be read. */
export interface TracedBackend<T> {
  /** The operations. Scalars have the most precise type there is, until they meet a tensor of another. */
  readonly lowering: Lowering<T>
  /** A number as a scalar. */
  scalar(value: number): T
  /** `next` if the scalar `condition` is above 0, else `old`, which may be a scalar. */
  choose(condition: T, next: T, old: T): T
  /** A value in the element type of another; without one, in that of scalars. */
  inTypeOf(value: T, like?: T): T
  reshape(value: T, shape: readonly number[]): T
  /** The identity matrix of n rows, in the element type of another value. */
  identity(n: number, like: T): T
}

/** A state inside a trace. */
export interface TracedState<T> {
  /** The numbers of a `TensorState`, as scalars. */
  readonly numbers: readonly T[]
  readonly slots: readonly Readonly<Record<string, T>>[]
}

/** The values that a traced step reads, by parameter. */
export interface TracedStepInputs<T> {
  readonly parameters: readonly (T | undefined)[]
  readonly gradients: readonly (T | null)[]
  readonly state: TracedState<T>
  readonly options?: { readonly loss?: T } | undefined
}

/** The result of a traced step. */
export interface TracedResult<T> {
  /**
   * By parameter, its new value or Δθ; `null` if it has no gradient. A refused step gives the old value, or a Δθ of −0: adding
   * that changes no bit of a parameter.
   */
  readonly values: readonly (T | null)[]
  readonly state: TracedState<T>
}

/**
 * Takes a step inside a trace. The decision to refuse the step is a value of the trace as well: it selects the new values or
 * the old ones, and both are there. So nothing is thrown or reported. The numbers of the state count the refused steps.
 *
 * @param output the result for each parameter: its new value, or Δθ
 * @throws ERR_NOT_SUPPORTED for a hyperparameter on a schedule, which is a function of a number
 */
export function takeTracedStep<T extends object>(
  plan: StepPlan,
  backend: TracedBackend<T>,
  given: TracedStepInputs<T>,
  output: 'parameter' | 'update',
): TracedResult<T> {
  const { gradients, state } = given
  const lowering = withHostNumbers(backend.lowering, (value) => backend.scalar(value))
  const toScalar = (x: T | number): T => (typeof x === 'number' ? backend.scalar(x) : x)
  const before: StateNumbers<T | number> = splitNumbers(plan, state.numbers)
  const inputs = tracedInputs(plan, backend, lowering, before, given)
  const step = createDeferredStep<T | number>(
    plan,
    {
      lowering,
      constant: (value) => value,
      sum: (values) => values.reduce((a, b) => lowering.add(a, b)),
      reshape: (value, shape) => backend.reshape(value as T, shape),
      identity: (n, like) => backend.identity(n, like as T),
      sharesScalars: true,
    },
    inputs,
    output,
  )

  const status = step.units.flatMap((unit) => (unit ? [unit.status] : []))
  // A step without any gradient is skipped.
  const worst = status.length === 0 ? stepStatus.nonFinite : status.reduce((a, b) => lowering.max(a, b))
  const isTaken = lowering.sub(1, lowering.greater(worst, stepStatus.ok))
  // −0 if the step is refused. It is computed, as a compiler may turn a constant −0 into 0.
  const nothing = lowering.mul(isTaken, -1)
  const choose = (next: T | number, old: T): T => backend.choose(toScalar(isTaken), next as T, old)
  const updates = gradients.map((gradient, index) => {
    if (gradient === null) return undefined
    const { value, slots } = step.update(index)
    const unchanged = output === 'parameter' ? given.parameters[index]! : toScalar(nothing)
    const next = Object.entries(slots).map(([name, slot]) => {
      const old = state.slots[index]![name]!
      return [name, choose(backend.inTypeOf(toScalar(slot), old), old)] as const
    })
    return { value: choose(value, unchanged), slots: Object.fromEntries(next) }
  })
  const numbers = nextNumbers(lowering, before, { isTaken, gradients, ...step })
  return {
    values: updates.map((update) => update?.value ?? null),
    state: {
      numbers: joinNumbers(plan, numbers).map(toScalar),
      slots: state.slots.map((slots, index) => updates[index]?.slots ?? slots),
    },
  }
}

/** The numbers after a step, which was taken if `isTaken` is 1. */
function nextNumbers<V>(
  { add, sub, select }: Lowering<V | number>,
  before: StateNumbers<V | number>,
  given: {
    readonly isTaken: V | number
    readonly gradients: readonly unknown[]
    readonly units: readonly (DeferredUnit<V | number> | undefined)[]
    readonly profiles: readonly (DeferredProfile<V | number> | undefined)[]
  },
): StateNumbers<V | number> {
  const { isTaken, gradients, units, profiles } = given
  return {
    ...before,
    step: add(before.step, isTaken),
    skippedSteps: add(before.skippedSteps, sub(1, isTaken)),
    steps: before.steps.map((count, index) => (gradients[index] === null ? count : add(count, isTaken))),
    units: before.units.map((old, index) => {
      const unit = units[index]
      if (unit === undefined) return old
      return {
        average: select(isTaken, unit.average, old.average),
        steps: add(old.steps, isTaken),
        values: unit.nextState().map((next, i) => select(isTaken, next, old.values[i]!)),
      }
    }),
    profiles: before.profiles.map((old, index) => {
      const next = profiles[index]?.nextShared()
      if (next === undefined) return old
      return {
        steps: add(old.steps, isTaken),
        values: next.map((value, i) => select(isTaken, value, old.values[i]!)),
      }
    }),
  }
}

function tracedInputs<T extends object>(
  plan: StepPlan,
  backend: TracedBackend<T>,
  lowering: Lowering<T | number>,
  before: StateNumbers<T | number>,
  { parameters, gradients, state, options }: TracedStepInputs<T>,
): DeferredInputs<T | number> {
  const { learningRate: rate } = before
  const follows = (settings: GroupSettings): boolean => rate !== undefined && followsRate(plan, settings)
  const tiedRate = (): T | number => lowering.max(peakRate(plan) ?? 0, rate!)
  const isScalar = (index: number, name: string): boolean =>
    plan.parameters[index]!.graph.slotShapes[name] === 'scalar'
  return {
    active: gradients.flatMap((gradient, index) => (gradient === null ? [] : [index])),
    gradient: (index) => gradients[index]!,
    parameter(index) {
      const value = parameters[index]
      if (value === undefined) throw parameterRequired(plan, index)
      return value
    },
    slot(index, name) {
      const slot = state.slots[index]![name]!
      return isScalar(index, name) ? backend.inTypeOf(slot) : slot
    },
    step: (index) => lowering.add(before.steps[index]!, 1),
    metricStep: (unit) => lowering.add(before.units[unit]!.steps, 1),
    average: (unit) => before.units[unit]!.average,
    state: (unit, name) => before.units[unit]!.values[plan.units[unit]!.graph.state.indexOf(name)]!,
    loss: () => options?.loss,
    profileStep: (profile) => lowering.add(before.profiles[profile]!.steps, 1),
    shared(profile, name) {
      const place = plan.profiles[profile]!.shared.names.indexOf(name)
      return before.profiles[profile]!.values[place]!
    },
    profile(index, name) {
      const profile = plan.profiles[index]!
      if (name === 'learningRate' && follows(profile.settings)) return rate
      return constantOf(profileEntries(profile), name)
    },
    unit(index, name) {
      const unit = plan.units[index]!
      const { xi } = unit.settings
      if (follows(unit.settings)) {
        if (tiedRateInputs.has(name)) return tiedRate()
        if (name === 'xi' && isTied(xi)) return lowering.mul(perRateOf(xi), tiedRate())
      }
      return constantOf(unitEntries(unit), name)
    },
  }
}

/** A hyperparameter that is the same at every step; `undefined` if there is none of that name. */
function constantOf(entries: readonly ScalarEntry[], name: string): number | undefined {
  const entry = entries.find(({ input }) => input === name)
  if (typeof entry?.value !== 'function') return entry?.value
  throw unsupported(
    `${entry.label} is on a schedule, a function that a trace cannot call; give a number, take the step outside the trace, ` +
      'or set the learning rate in the state before each step (withLearningRate)',
  )
}
