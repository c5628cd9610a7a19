import {
  InducedMetricError,
  type Checkpoint,
  type ParameterState,
  type Transformation,
} from '@induced-metric/core'
import { initialSlots, lossCount, type MetricUnit, type StepPlan } from '@induced-metric/core/adapter'
import { checkForm, matchStates } from './matchStates.js'
import type { Tensor, TensorFlow } from './namespace.js'

/** State of one variable: its slots, by name, on the device. No variables of TensorFlow.js, which would be trained. */
export interface VariableState {
  steps: number
  readonly shape: readonly number[]
  readonly slots: Record<string, Tensor>
}

/** State of one metric unit: v and other scalars by name, numbers or on the device, and how many steps v averages. */
export interface UnitState {
  average: Tensor | number
  steps: number
  values: Readonly<Record<string, Tensor | number>>
}

/** Takes steps off a count of the host's, and off that of a unit's losses. */
export function takeBack(state: { steps: number; values?: UnitState['values'] }, count: number): void {
  state.steps -= count
  const losses = state.values?.[lossCount]
  if (typeof losses === 'number') state.values = { ...state.values, [lossCount]: losses - count }
}

/** The scalars of a unit's state that its graph reads, in the graph's order; all 0 where one of them was not kept. */
export function valuesOf({ graph }: MetricUnit, { values }: UnitState): (Tensor | number)[] {
  const isKept = graph.state.every((name) => Object.hasOwn(values, name))
  return graph.state.map((name) => (isKept ? values[name]! : 0))
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
      if (unit) units.set(name, unitState(unit))
    }
    const claimed = new Set([...saved.values()].map(({ name }) => name))
    unclaimed = unclaimed.filter(({ name }) => !claimed.has(name))
    unclaimedUnits = unclaimedUnits.filter(({ key }) => !claimed.has(key))
  }

  const dispose = (): void => {
    for (const { slots } of variables.values()) tf.dispose(slots)
    for (const { average, values } of units.values()) forgetScalars([average, ...Object.values(values)])
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
        if (!units.has(key)) units.set(key, { average: 0, steps: 0, values: {} })
      }
      ensured = plan
    },
    replace(checkpoint) {
      dispose()
      unclaimed = checkpoint.parameters
      loaded = checkpoint
      if (metricScope === 'parameter') unclaimedUnits = checkpoint.units
      else for (const unit of checkpoint.units) units.set(unit.key, unitState(unit))
    },
    async save() {
      const read = async (x: Tensor | number): Promise<number> =>
        typeof x === 'number' ? x : (await x.data())[0]!
      const savedUnits = [...units].map(async ([key, { average, steps, values }]) => {
        const entries = Object.entries(values).map(async ([name, x]) => [name, await read(x)] as const)
        return {
          key,
          average: await read(average),
          steps,
          ...(entries.length > 0 && { values: Object.fromEntries(await Promise.all(entries)) }),
        }
      })
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

function unitState({ average, steps, values = {} }: Checkpoint['units'][number]): UnitState {
  return { average, steps, values }
}

/** Disposes of those scalars that are on the device. */
export function forgetScalars(scalars: readonly (Tensor | number)[]): void {
  for (const x of scalars) if (typeof x !== 'number') x.dispose()
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
