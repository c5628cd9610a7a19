import { checkParameterState, type Checkpoint, type ParameterState } from '../checkpoint/checkpoint.js'
import { checkHash, otherShapes } from '../checkpoint/match.js'
import { checkpointError } from '../errors.js'
import { accumulatedSlot } from '../step/accumulation.js'
import type { PlannedParameter, StepPlan } from '../step/plan.js'
import type { StemOf } from './names.js'

/** A saved state and the parameter it belongs to. */
export interface MatchedState {
  readonly parameter: PlannedParameter
  readonly state: ParameterState
}

/**
 * Checks that a checkpoint fits the variables of a plan.
 *
 * @throws ERR_CHECKPOINT naming a variable without a state, or saying that the transformation is another
 */
export function checkFit(plan: StepPlan, checkpoint: Checkpoint, stemOf: StemOf): void {
  // It was saved before the first step, when the optimiser had not met its variables.
  if (checkpoint.parameters.length === 0) return
  const matched = matchStates(plan.parameters, checkpoint.parameters, stemOf)
  const missing = plan.parameters.find((parameter) => !matched.some((match) => match.parameter === parameter))
  if (missing) throw checkpointError(`the checkpoint has no state that fits variable ${missing.name}`)
  checkUnits(plan, checkpoint)
  if (matched.length === checkpoint.parameters.length) checkForm(plan, checkpoint)
}

/**
 * Checks the metric units of a checkpoint. Those of groups may wait for variables that are met later; where every parameter
 * is a unit, the units go with the states.
 *
 * @throws ERR_CHECKPOINT naming a unit that is missing, or one that the transformation cannot have
 */
function checkUnits({ units, transformation }: StepPlan, checkpoint: Checkpoint): void {
  if (transformation.metricScope === 'parameter') return
  const saved = checkpoint.units.map(({ key }) => key)
  const missing = units.find(({ key }) => !saved.includes(key))
  if (missing) throw checkpointError(`the checkpoint has no state of ${unitInWords(missing.key)}`)
  const possible = new Set(['', ...units.map(({ key }) => key), ...Object.keys(transformation.groups)])
  const unknown = transformation.metricScope === 'group' ? undefined : saved.find((key) => !possible.has(key))
  if (unknown !== undefined) {
    throw checkpointError(
      `the checkpoint has a state of ${unitInWords(unknown)}, of which the transformation knows nothing`,
    )
  }
}

function unitInWords(key: string): string {
  return key === '' ? 'the metric' : `the metric of group ${key}`
}

/** Throws ERR_CHECKPOINT when a transformation of another form saved a checkpoint of the plan's parameters. */
export function checkForm(
  plan: StepPlan,
  { hash, parameters }: Pick<Checkpoint, 'hash' | 'parameters'>,
): void {
  // Before the first step there is no form yet.
  if (parameters.length > 0) checkHash(plan, { hash })
}

/**
 * Finds the parameters of saved states. A framework may give a loaded model's variables new names (`kernel_1` for
 * `kernel`), and a rebuilt model still other ones. So a state is matched by name, else by its stem, else by position if
 * there are as many states as parameters. A match by less than the full name must have the same shape.
 *
 * @param parameters those without a state yet, in the order of the model
 * @param states those that are not claimed yet, in the order in which they were saved
 * @throws ERR_CHECKPOINT when a state does not fit the parameter it belongs to
 */
export function matchStates(
  parameters: readonly PlannedParameter[],
  states: readonly ParameterState[],
  stemOf: StemOf,
): readonly MatchedState[] {
  const found = new Map<PlannedParameter, ParameterState>()
  const free = new Set(states)
  const claim = (parameter: PlannedParameter, state: ParameterState | undefined): void => {
    if (state === undefined || found.has(parameter) || !free.delete(state)) return
    found.set(parameter, state)
  }
  const fits = (parameter: PlannedParameter, state: ParameterState): boolean =>
    free.has(state) && parameter.shape.join() === state.shape.join()

  for (const parameter of parameters) {
    const state = states.find(({ name }) => name === parameter.name)
    claim(parameter, state)
  }
  for (const parameter of parameters) {
    const stem = stemOf(parameter.name)
    const state = states.find((one) => stemOf(one.name) === stem && fits(parameter, one))
    claim(parameter, state)
  }
  if (parameters.length === states.length) {
    parameters.forEach((parameter, index) => {
      const state = states[index]!
      if (fits(parameter, state)) claim(parameter, state)
    })
  }
  return [...found].map(([parameter, state]) => {
    const { name, shape, graph } = parameter
    checkParameterState(state, {
      name,
      shape,
      dtype: 'float32',
      slots: accumulatedSlot in state.slots ? [...graph.slots, accumulatedSlot] : graph.slots,
      slotShapes: otherShapes(parameter),
    })
    return { parameter, state }
  })
}
