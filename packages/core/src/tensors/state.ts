import type { Checkpoint } from '../checkpoint/checkpoint.js'
import { checkpointOf, matchCheckpoint } from '../checkpoint/match.js'
import { arrayOf, type ElementType } from '../dtype.js'
import { sizeOf } from '../shape.js'
import { shapeError, show } from '../errors.js'
import { createSlot, initialSlots, slotShape } from '../step/initialSlots.js'
import type { StepPlan } from '../step/plan.js'
import { initialState } from '../step/scalarState.js'
import type { TensorBackend } from './backend.js'
import { isSameShape } from './checks.js'

/** The state that one step over tensors passes to the next. */
export interface TensorState<T> {
  /**
   * Counts and averages: steps taken and skipped, each parameter's steps, each metric unit's v, its steps and the other
   * scalars of its state, the steps and shared scalars of each profile that keeps any; and the learning rate, if one was set.
   */
  readonly numbers: Float64Array
  /** The slots of each parameter, by name. */
  readonly slots: readonly Readonly<Record<string, T>>[]
}

/** The numbers of a state by name: on the host, or as scalars of a framework. */
export interface StateNumbers<N = number> {
  readonly step: N
  readonly skippedSteps: N
  /** The learning rate, if one was set. */
  readonly learningRate?: N
  /** By parameter, the number of steps that updated it. */
  readonly steps: N[]
  readonly units: { average: N; steps: N; readonly values: N[] }[]
  /** By profile. The count of steps is kept only for profiles that read it. */
  readonly profiles: { steps: N; readonly values: N[] }[]
}

/** The numbers of a state in their order. */
export function joinNumbers<N>(plan: StepPlan, numbers: StateNumbers<N>): N[] {
  const { step, skippedSteps, learningRate, steps, units, profiles } = numbers
  const averages = units.flatMap(({ average, steps: count, values }) => [average, count, ...values])
  const shared = plan.profiles.flatMap(({ keepsState }, i) => {
    return keepsState ? [profiles[i]!.steps, ...profiles[i]!.values] : []
  })
  const rate = learningRate === undefined ? [] : [learningRate]
  return [step, skippedSteps, ...steps, ...averages, ...shared, ...rate]
}

export function splitNumbers<N>(plan: StepPlan, numbers: Iterable<N>): StateNumbers<N | number> {
  const [step, skippedSteps, ...rest] = numbers
  const steps = rest.splice(0, plan.parameters.length)
  const units = plan.units.map(({ graph }) => {
    const [average, count, ...values] = rest.splice(0, 2 + graph.state.length)
    return { average: average!, steps: count!, values }
  })
  const profiles = plan.profiles.map(({ keepsState, shared }) => {
    if (!keepsState) return { steps: 0, values: [] }
    const [count, ...values] = rest.splice(0, 1 + shared.names.length)
    return { steps: count!, values }
  })
  const [learningRate] = rest
  return {
    step: step!,
    skippedSteps: skippedSteps!,
    ...(learningRate !== undefined && { learningRate }),
    steps,
    units,
    profiles,
  }
}

export function packNumbers(plan: StepPlan, numbers: StateNumbers): Float64Array {
  return Float64Array.from(joinNumbers(plan, numbers))
}

/** The state before the first step. */
export function createState<T>(
  plan: StepPlan,
  dtypes: readonly ElementType[],
  backend: TensorBackend<T>,
): TensorState<T> {
  return {
    numbers: packNumbers(plan, { step: 0, skippedSteps: 0, ...initialState(plan) }),
    slots: initialSlots(plan).map((values, index) => {
      const parameter = plan.parameters[index]!
      return mapValues(values, (value, name) =>
        backend.from(createSlot(parameter, name, value, dtypes[index]!), slotShape(parameter, name)),
      )
    }),
  }
}

/** A copy of a state, read from the device. */
export function saveState<T>(
  plan: StepPlan,
  dtypes: readonly ElementType[],
  backend: TensorBackend<T>,
  state: TensorState<T>,
): Checkpoint {
  return checkpointOf(plan, splitNumbers(plan, state.numbers), (index) => {
    const dtype = dtypes[index]!
    const copy = (tensor: T, name: string) => {
      const array = arrayOf(dtype, sizeOf(slotShape(plan.parameters[index]!, name)))
      array.set(backend.read(tensor))
      return array
    }
    return { dtype, slots: mapValues(state.slots[index]!, copy) }
  })
}

/**
 * The state of a checkpoint.
 *
 * @throws ERR_CHECKPOINT when it belongs to another transformation or to other parameters
 */
export function loadState<T>(
  plan: StepPlan,
  dtypes: readonly ElementType[],
  backend: TensorBackend<T>,
  given: Checkpoint | Uint8Array,
): TensorState<T> {
  const { checkpoint, states, units, profiles } = matchCheckpoint(plan, given, (index) => dtypes[index]!)
  const steps = states.map((saved) => saved.steps)
  return {
    numbers: packNumbers(plan, { ...checkpoint, steps, units: [...units], profiles: [...profiles] }),
    slots: states.map(({ slots }, index) =>
      mapValues(slots, (data, name) => backend.from(data, slotShape(plan.parameters[index]!, name))),
    ),
  }
}

/**
 * Throws ERR_SHAPE unless a state has the form of a plan's.
 *
 * @param count how many numbers it has
 */
export function checkState<T>(
  plan: StepPlan,
  count: number,
  slots: TensorState<T>['slots'],
  backend: Pick<TensorBackend<T>, 'shape'>,
): void {
  const { parameters, units, profiles } = plan
  const ofUnits = units.reduce((total, { graph }) => total + 2 + graph.state.length, 0)
  const ofProfiles = profiles.reduce(
    (total, { keepsState, shared }) => total + (keepsState ? 1 + shared.names.length : 0),
    0,
  )
  const beyond = count - (2 + parameters.length + ofUnits + ofProfiles)
  const isWhole =
    (beyond === 0 || beyond === 1) &&
    slots.length === parameters.length &&
    parameters.every(({ graph }, index) => {
      const own = slots[index]!
      return (
        Object.keys(own).length === graph.slots.length && graph.slots.every((name) => own[name] !== undefined)
      )
    })
  if (!isWhole) {
    throw shapeError(
      'the state is of other parameters or of another transformation: give one that was made for these',
    )
  }
  for (const [index, parameter] of parameters.entries()) {
    for (const [slot, tensor] of Object.entries(slots[index]!)) {
      const [found, needed] = [backend.shape(tensor), slotShape(parameter, slot)]
      if (isSameShape(found, needed)) continue
      throw shapeError(
        `the state is of other parameters: its slot ${slot} of ${show(parameter.name)} has shape [${found.join(', ')}], and a step ` +
          `of what was given needs [${needed.join(', ')}]`,
      )
    }
  }
}

function mapValues<A, B>(
  record: Readonly<Record<string, A>>,
  f: (value: A, key: string) => B,
): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, f(value, key)]))
}
