import { InducedMetricError, type Checkpoint, type ParameterState } from '@induced-metric/core'
import { checkParameterState, type PlannedParameter, type StepPlan } from '@induced-metric/core/adapter'
import { stemOf } from './names.js'

/** A saved state and the parameter it belongs to. */
export interface Restored {
  readonly parameter: PlannedParameter
  readonly state: ParameterState
}

/** Throws ERR_CHECKPOINT when a checkpoint of the plan's parameters was saved by a transformation of another form. */
export function checkForm(
  plan: StepPlan,
  { hash, parameters }: Pick<Checkpoint, 'hash' | 'parameters'>,
): void {
  // Saved before the first step, there is no form yet.
  if (parameters.length === 0 || hash === plan.hash) return
  throw new InducedMetricError(
    'ERR_CHECKPOINT',
    'the checkpoint was saved by a transformation of another form: its bases or its metricScope differ',
  )
}

/**
 * Finds the parameters of saved states. TensorFlow.js gives a loaded model's variables new names (`kernel_1` for
 * `kernel`) and a rebuilt model others still: so by name, else by name up to that suffix, else, where there are as many
 * states as parameters, by position. What is found by less than its name must have the shape.
 *
 * @param parameters those without a state yet, in the order of the model
 * @param states those not yet claimed, in the order they were saved in
 * @throws ERR_CHECKPOINT when a state does not fit the parameter it belongs to
 */
export function matchStates(
  parameters: readonly PlannedParameter[],
  states: readonly ParameterState[],
): readonly Restored[] {
  const found = new Map<PlannedParameter, ParameterState>()
  const free = new Set(states)
  const claim = (parameter: PlannedParameter, state: ParameterState | undefined): void => {
    if (state === undefined || found.has(parameter) || !free.delete(state)) return
    found.set(parameter, state)
  }
  const fits = (parameter: PlannedParameter, state: ParameterState): boolean =>
    free.has(state) && parameter.shape.join() === state.shape.join()

  for (const parameter of parameters) {
    claim(
      parameter,
      states.find(({ name }) => name === parameter.name),
    )
  }
  for (const parameter of parameters) {
    const stem = stemOf(parameter.name)
    claim(
      parameter,
      states.find((state) => stemOf(state.name) === stem && fits(parameter, state)),
    )
  }
  if (parameters.length === states.length) {
    parameters.forEach((parameter, index) => {
      const state = states[index]!
      if (fits(parameter, state)) claim(parameter, state)
    })
  }
  return [...found].map(([parameter, state]) => {
    const { name, shape, graph } = parameter
    checkParameterState(state, { name, shape, dtype: 'float32', slots: graph.slots })
    return { parameter, state }
  })
}
