import type { TypedArray } from '../dtype.js'
import { checkpointError, show } from '../errors.js'
import { accumulatedSlot, nothingAccumulated, type Accumulated } from '../step/accumulation.js'
import { slotShape } from '../step/initialSlots.js'
import type { PlannedParameter, StepPlan } from '../step/plan.js'
import { initialProfile } from '../step/scalarState.js'
import type { ProfileNumbers, ScalarState, UnitNumbers } from '../step/scalarState.js'
import type { Transformation } from '../transformation/types.js'
import { decodeCheckpoint } from './bytes.js'
import {
  callsIn,
  checkCheckpoint,
  checkParameterState,
  composeCheckpoint,
  type Checkpoint,
  type ParameterState,
} from './checkpoint.js'

/** The numbers of a checkpoint, as an optimiser keeps them. */
export type SavedNumbers = ScalarState & {
  readonly step: number
  readonly skippedSteps: number
  readonly learningRate?: number | undefined
  readonly accumulated?: Accumulated | undefined
}

/**
 * Puts together the checkpoint of a plan's optimiser.
 *
 * @param arraysOf copies of a parameter's slots, and their element type, by index
 */
export function checkpointOf(
  { hash, parameters, units, profiles }: StepPlan,
  {
    step,
    skippedSteps,
    learningRate,
    accumulated,
    steps,
    units: unitNumbers,
    profiles: profileNumbers,
  }: SavedNumbers,
  arraysOf: (index: number) => Pick<ParameterState, 'dtype' | 'slots'>,
): Checkpoint {
  return composeCheckpoint({
    hash,
    step,
    skippedSteps,
    learningRate,
    accumulated,
    units: units.map(({ key, graph }, i) => {
      const { average, steps: count, values } = unitNumbers[i]!
      const named = Object.fromEntries(graph.state.map((name, k) => [name, values[k]!]))
      return { key, average, steps: count, ...(values.length > 0 && { values: named }) }
    }),
    profiles: profiles.flatMap(({ key, shared, keepsState }, i) => {
      if (!keepsState) return []
      const { steps: count, values } = profileNumbers[i]!
      return [
        { key, steps: count, values: Object.fromEntries(shared.names.map((name, k) => [name, values[k]!])) },
      ]
    }),
    parameters: parameters.map((parameter, index) => {
      const { name, shape } = parameter
      const { dtype, slots } = arraysOf(index)
      const slotShapes = otherShapes(parameter)
      return {
        name,
        shape: [...shape],
        dtype,
        steps: steps[index]!,
        slots,
        ...(slotShapes && { slotShapes }),
      }
    }),
  })
}

/** The shapes of a parameter's slots that do not have its own; `undefined` if there are none. */
export function otherShapes(parameter: PlannedParameter): ParameterState['slotShapes'] {
  const { graph, shape } = parameter
  const others = graph.slots.flatMap((name) => {
    const own = slotShape(parameter, name)
    return own.join() === shape.join() ? [] : [[name, [...own]] as const]
  })
  return others.length === 0 ? undefined : Object.fromEntries(others)
}

/** A checkpoint's states, in the order of a plan's parameters and units. */
export interface Matched {
  readonly checkpoint: Checkpoint
  readonly states: readonly ParameterState[]
  readonly units: readonly UnitNumbers[]
  readonly profiles: readonly ProfileNumbers[]
  /** The calls that wait for the rest of their update. */
  readonly accumulated: Accumulated
  /** The sums of their gradients, by parameter; `undefined` where there was none. */
  readonly sums: readonly (TypedArray | undefined)[]
}

/**
 * Finds a checkpoint's states for the parameters and units of a plan.
 *
 * @param dtypeOf the element type of a parameter, by index
 * @throws ERR_CHECKPOINT when the checkpoint belongs to another transformation or to other parameters
 */
export function matchCheckpoint(
  plan: StepPlan,
  given: Checkpoint | Uint8Array,
  dtypeOf: (index: number) => ParameterState['dtype'],
): Matched {
  const checkpoint = given instanceof Uint8Array ? decodeCheckpoint(given) : given
  checkCheckpoint(checkpoint)
  checkAccumulation(plan.transformation, checkpoint)
  const states = matchParameters(plan, checkpoint, dtypeOf)
  const units = matchUnits(plan, checkpoint)
  checkHash(plan, checkpoint)
  const accumulated = callsIn(checkpoint) ?? nothingAccumulated
  const sums = states.map(({ slots }) => slots[accumulatedSlot])
  return { checkpoint, states, units, profiles: matchProfiles(plan, checkpoint), accumulated, sums }
}

/** Throws ERR_CHECKPOINT when gradients wait for the rest of an update that the transformation does not collect. */
export function checkAccumulation(
  { accumulate }: Pick<Transformation, 'accumulate'>,
  { accumulated }: Pick<Checkpoint, 'accumulated'>,
): void {
  if (accumulated === undefined || accumulate > 1) return
  throw checkpointError(
    `the checkpoint was saved while the gradients of ${accumulated.calls} calls of step waited for the rest of their update: ` +
      'load it with accumulate in the transformation, or save after an update',
  )
}

/** The slots that a parameter has in a checkpoint: its own and, in the middle of an update, the sum of its gradients. */
function savedSlots(
  slots: readonly string[],
  state: ParameterState,
  checkpoint: Checkpoint,
): readonly string[] {
  const isSum = checkpoint.accumulated !== undefined && accumulatedSlot in state.slots
  return isSum ? [...slots, accumulatedSlot] : slots
}

/** Throws ERR_CHECKPOINT when a transformation of another form saved a checkpoint. */
export function checkHash(plan: Pick<StepPlan, 'hash'>, { hash }: Pick<Checkpoint, 'hash'>): void {
  if (hash === plan.hash) return
  throw checkpointError(
    'the checkpoint was saved by a transformation of another form: its bases or its metricScope differ',
  )
}

function matchParameters(
  plan: StepPlan,
  checkpoint: Checkpoint,
  dtypeOf: (index: number) => ParameterState['dtype'],
): ParameterState[] {
  const saved = new Map(checkpoint.parameters.map((state) => [state.name, state]))
  const states = plan.parameters.map((parameter, index) => {
    const { name, shape, graph } = parameter
    const state = saved.get(name)
    if (state === undefined) throw checkpointError(`the checkpoint has no parameter ${show(name)}`)
    checkParameterState(state, {
      name,
      shape,
      dtype: dtypeOf(index),
      slots: savedSlots(graph.slots, state, checkpoint),
      slotShapes: otherShapes(parameter),
    })
    return state
  })
  if (saved.size !== states.length) {
    const own = new Set(states.map(({ name }) => name))
    const others = [...saved.keys()].filter((name) => !own.has(name))
    throw checkpointError(`the checkpoint has parameters unknown here: ${others.join(', ')}`)
  }
  return states
}

function matchUnits(plan: StepPlan, checkpoint: Checkpoint): UnitNumbers[] {
  const saved = new Map(checkpoint.units.map((unit) => [unit.key, unit]))
  const units = plan.units.map(({ key, graph }): UnitNumbers => {
    const unit = saved.get(key)
    if (unit === undefined) throw checkpointError(`the checkpoint has no metric unit ${show(key)}`)
    // Values that an earlier transformation did not keep all start afresh, because they belong together.
    const isKept = graph.state.every((name) => Object.hasOwn(unit.values ?? {}, name))
    const values = graph.state.map((name) => (isKept ? unit.values![name]! : 0))
    return { average: unit.average, steps: unit.steps, values }
  })
  if (saved.size !== units.length) throw checkpointError('the checkpoint has metric units unknown here')
  return units
}

/** A profile that an earlier transformation kept nothing for starts afresh. */
function matchProfiles(plan: StepPlan, { profiles = [] }: Checkpoint): ProfileNumbers[] {
  const saved = new Map(profiles.map((profile) => [profile.key, profile]))
  return plan.profiles.map((profile): ProfileNumbers => {
    const { key, shared, keepsState } = profile
    const found = saved.get(key)
    const isKept = keepsState && found && shared.names.every((name) => Object.hasOwn(found.values, name))
    return isKept
      ? { steps: found.steps, values: shared.names.map((name) => found.values[name]!) }
      : initialProfile(profile)
  })
}
