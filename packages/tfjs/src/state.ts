import {
  initialSlots,
  InducedMetricError,
  type Checkpoint,
  type ParameterState,
  type StepPlan,
  type Transformation,
} from '@induced-metric/core'
import { checkForm, matchStates } from './restore.js'
import type { Tensor, TensorFlow } from './namespace.js'

/** State of one variable: its slots, by name, on the device. No variables of TensorFlow.js, which would be trained. */
export interface VariableState {
  steps: number
  readonly shape: readonly number[]
  readonly slots: Record<string, Tensor>
}

/** State of one metric unit: v, a number or a scalar on the device, and how many steps it averages. */
export interface UnitState {
  average: Tensor | number
  steps: number
}

/** All that the optimiser keeps from step to step, by variable name. */
export interface State {
  readonly variables: ReadonlyMap<string, VariableState>
  readonly units: ReadonlyMap<string, UnitState>
  /** Whether there are loaded states that no variable has claimed yet. */
  readonly hasUnclaimed: boolean
  /**
   * Gives every variable and unit of a plan its state: the one it has, the one that was loaded, or a first one.
   *
   * @throws ERR_SHAPE for a variable of another shape than before; ERR_CHECKPOINT when what was loaded does not fit
   */
  ensure(plan: StepPlan): void
  /** Takes the place of all state; variables claim theirs when they are first trained. */
  replace(checkpoint: Checkpoint): void
  save(): Promise<Pick<Checkpoint, 'units' | 'parameters'>>
  dispose(): void
}

export function createState(tf: TensorFlow, { metricScope }: Pick<Transformation, 'metricScope'>): State {
  const variables = new Map<string, VariableState>()
  const units = new Map<string, UnitState>()
  let unclaimed: readonly ParameterState[] = []
  let loaded: Pick<Checkpoint, 'hash' | 'parameters'> | undefined
  /** Where each parameter is a unit, those of parameters not yet claimed. */
  let unclaimedUnits: Checkpoint['units'] = []
  let ensured: StepPlan | undefined

  const addVariables = (plan: StepPlan): void => {
    const fresh = plan.parameters.filter(({ name }) => !variables.has(name))
    if (fresh.length === 0) return
    const saved = new Map(matchStates(fresh, unclaimed).map(({ parameter, state }) => [parameter, state]))
    if (unclaimed.length > 0 && saved.size === 0 && variables.size === 0) {
      throw new InducedMetricError(
        'ERR_CHECKPOINT',
        `no state in the loaded checkpoint fits any of the variables ${fresh.map(({ name }) => name).join(', ')}`,
      )
    }
    // All that was loaded goes to all that is trained: then the forms of both must be the same.
    if (
      loaded?.parameters === unclaimed &&
      saved.size === unclaimed.length &&
      saved.size === plan.parameters.length
    )
      checkForm(plan, loaded)
    const initial = initialSlots(plan)
    plan.parameters.forEach((parameter, index) => {
      const { name, shape, graph } = parameter
      if (variables.has(name)) return
      const state = saved.get(parameter)
      const slots = graph.slots.map((slot) => {
        const values = state?.slots[slot]
        return [
          slot,
          tf.keep(
            values
              ? // A copy: on cpu the tensor takes over the array, and slots are updated in place.
                tf.tensor(values.slice(), [...shape])
              : tf.tidy(() => tf.broadcastTo(tf.scalar(initial[index]![slot]!), [...shape])),
          ),
        ]
      })
      variables.set(name, {
        steps: state?.steps ?? 0,
        shape,
        slots: Object.fromEntries(slots) as Record<string, Tensor>,
      })
    })
    for (const [{ name }, state] of saved) {
      const unit = unclaimedUnits.find(({ key }) => key === state.name)
      if (unit) units.set(name, { average: unit.average, steps: unit.steps })
    }
    const claimed = new Set([...saved.values()].map(({ name }) => name))
    unclaimed = unclaimed.filter(({ name }) => !claimed.has(name))
    unclaimedUnits = unclaimedUnits.filter(({ key }) => !claimed.has(key))
  }

  const dispose = (): void => {
    for (const { slots } of variables.values()) tf.dispose(slots)
    for (const { average } of units.values()) if (typeof average !== 'number') average.dispose()
    variables.clear()
    units.clear()
    unclaimed = []
    unclaimedUnits = []
    loaded = ensured = undefined
  }

  return {
    variables,
    units,
    get hasUnclaimed() {
      return unclaimed.length > 0
    },
    ensure(plan) {
      if (plan === ensured) return
      checkShapes(plan, variables)
      addVariables(plan)
      for (const { key } of plan.units) {
        if (!units.has(key)) units.set(key, { average: 0, steps: 0 })
      }
      ensured = plan
    },
    replace(checkpoint) {
      dispose()
      unclaimed = checkpoint.parameters
      loaded = checkpoint
      if (metricScope === 'parameter') unclaimedUnits = checkpoint.units
      else for (const { key, average, steps } of checkpoint.units) units.set(key, { average, steps })
    },
    async save() {
      const savedUnits = [...units].map(async ([key, { average, steps }]) => ({
        key,
        average: typeof average === 'number' ? average : (await average.data())[0]!,
        steps,
      }))
      const saved = [...variables].map(async ([name, { shape, steps, slots }]): Promise<ParameterState> => {
        const read = Object.entries(slots).map(
          async ([slot, tensor]) => [slot, Float32Array.from(await tensor.data())] as const,
        )
        return { name, shape, dtype: 'float32', steps, slots: Object.fromEntries(await Promise.all(read)) }
      })
      return {
        units: [...(await Promise.all(savedUnits)), ...unclaimedUnits],
        parameters: [...(await Promise.all(saved)), ...unclaimed],
      }
    },
    dispose,
  }
}

/** A variable that was made anew under an old name has the state of the old one, if it has its shape. */
function checkShapes(plan: StepPlan, variables: ReadonlyMap<string, VariableState>): void {
  for (const { name, shape } of plan.parameters) {
    const state = variables.get(name)
    if (state === undefined || state.shape.join() === shape.join()) continue
    throw new InducedMetricError(
      'ERR_SHAPE',
      `variable ${name} has shape [${shape.join(', ')}], and had [${state.shape.join(', ')}] when this optimiser first ` +
        'trained it; use another optimiser for another model',
    )
  }
}
