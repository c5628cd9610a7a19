import { callsIn, type Checkpoint, type ParameterState, type SavedState } from '../checkpoint/checkpoint.js'
import { otherShapes } from '../checkpoint/match.js'
import { accumulatedSlot, nothingAccumulated } from '../step/accumulation.js'
import { shapeError } from '../errors.js'
import { createSlot, initialSlots, slotShape, type InitialSlot } from '../step/initialSlots.js'
import { lossCount } from '../step/metricGraph.js'
import type { MetricUnit, PlannedParameter, Profile, StepPlan } from '../step/plan.js'
import { initialProfile, type ProfileNumbers, type UnitNumbers } from '../step/scalarState.js'
import type { Transformation } from '../transformation/types.js'
import type { VariableBackend } from './backend.js'
import { createUnclaimed, type Unclaimed } from './unclaimed.js'

/**
 * State of one variable: its slots, by name, on the device. They are tensors, not variables of the framework, because a
 * model would train those.
 */
export interface VariableState<T> {
  steps: number
  readonly shape: readonly number[]
  readonly slots: Record<string, T>
  readonly slotShapes: ParameterState['slotShapes']
}

/** State of one profile that keeps any: its shared scalars, which are numbers, or tensors on the device. */
export interface ProfileState<T> {
  steps: number
  /** Names of `values`. */
  names: readonly string[]
  values: (T | number)[]
}

/** State of one metric unit. Its scalars are numbers, or tensors on the device. */
export interface UnitState<T> {
  /** v. */
  average: T | number
  /** The number of steps that v averages. */
  steps: number
  /** Names of `values`, in the order of the unit's graph. */
  names: readonly string[]
  values: (T | number)[]
}

/** What an engine has of the state, in place of the tensors and numbers of a {@link State}. */
export interface ResidentState<T> {
  /** How often a variable has been updated, if the device has taken all steps so far. */
  stepsOf(name: string): number
  /** Copies of a variable's slots, which belong to the current scope. */
  slotsOf(name: string): Record<string, T>
  /** Reads everything, as it is after the steps so far. */
  save(): Promise<ResidentValues>
  /** Frees it. */
  forget(): void
}

/** The values of a {@link ResidentState}, by the names of variables and the keys of units and profiles. */
export interface ResidentValues {
  readonly step: number
  readonly skippedSteps: number
  readonly units: ReadonlyMap<string, UnitNumbers & { readonly names: readonly string[] }>
  readonly profiles: ReadonlyMap<string, ProfileNumbers & { readonly names: readonly string[] }>
  readonly variables: ReadonlyMap<string, Pick<ParameterState, 'steps' | 'slots'>>
}

/** How many steps were refused: all, and those that would have changed a state. */
export interface RefusedSteps {
  readonly total: number
  of(state: object): number
}

/** Takes refused steps off a count that the host keeps, and off the count of a unit's losses. */
export function takeBack<T>(state: VariableState<T> | UnitState<T> | ProfileState<T>, count: number): void {
  state.steps -= count
  if (!('average' in state)) return
  const { names, values } = state
  names.forEach((name, i) => {
    const losses = values[i]!
    if (name === lossCount && typeof losses === 'number') values[i] = losses - count
  })
}

/** The scalars of a unit's state that its graph reads, in the graph's order; all 0 where one of them was not kept. */
export function valuesOf<T>({ graph }: MetricUnit, { names, values }: UnitState<T>): (T | number)[] {
  if (names === graph.state) return values
  const places = graph.state.map((name) => names.indexOf(name))
  return places.map((place) => (places.includes(-1) ? 0 : values[place]!))
}

/** Everything that an optimiser keeps from step to step. */
export class State<T extends object> {
  readonly #backend: VariableBackend<T>
  readonly #metricScope: Transformation['metricScope']
  readonly variables = new Map<string, VariableState<T>>()
  readonly units = new Map<string, UnitState<T>>()
  /** Only of profiles that keep any state. */
  readonly profiles = new Map<string, ProfileState<T>>()
  /** Number of steps taken. */
  step = 0
  skippedSteps = 0
  /** The learning rate that was set. */
  learningRate: number | undefined
  /** The calls that wait for the rest of their update, and the sum of their losses. The sums of gradients are slots. */
  accumulated: { readonly calls: number; readonly loss: T | number | undefined } = nothingAccumulated
  /** What an engine has of the state. */
  resident: ResidentState<T> | undefined
  /** Loaded states that no variable has claimed yet. */
  #unclaimed: Unclaimed
  /** The plan whose variables and units are known to have their state. */
  #ensured: StepPlan | undefined

  constructor(backend: VariableBackend<T>, { metricScope }: Pick<Transformation, 'metricScope'>) {
    this.#backend = backend
    this.#unclaimed = createUnclaimed(backend.stemOf)
    this.#metricScope = metricScope
  }

  /** Structural hash of the checkpoint that was loaded, as long as part of its state is unclaimed. */
  get loadedHash(): string | undefined {
    return this.variables.size === 0 || this.#unclaimed.parameters.length > 0
      ? this.#unclaimed.hash
      : undefined
  }

  /**
   * Gives every variable and unit of a plan its state: the one it has, the one that was loaded, or an initial one.
   *
   * @throws ERR_SHAPE for a variable whose shape has changed; ERR_CHECKPOINT when the loaded state does not fit
   */
  ensure(plan: StepPlan): void {
    if (plan === this.#ensured) return
    checkShapes(plan, this.variables)
    this.#addVariables(plan)
    for (const { key } of plan.units) {
      if (!this.units.has(key)) this.units.set(key, unitState({ average: 0, steps: 0 }))
    }
    for (const profile of plan.profiles) if (profile.keepsState) this.#ensureProfile(profile)
    this.#ensured = plan
  }

  #addVariables(plan: StepPlan): void {
    const fresh = plan.parameters.filter(({ name }) => !this.variables.has(name))
    if (fresh.length === 0) return
    const claimed = this.#unclaimed.claim(plan, fresh)
    const initial = initialSlots(plan)
    plan.parameters.forEach((parameter, index) => {
      const { name, shape, graph } = parameter
      if (this.variables.has(name)) return
      const state = claimed.get(parameter)?.state
      const slots = graph.slots.map((slot) => {
        const tensor = this.#slot(parameter, slot, state?.slots[slot] ?? initial[index]![slot]!)
        return [slot, tensor] as const
      })
      const sum = state?.slots[accumulatedSlot]
      if (sum) slots.push([accumulatedSlot, this.#slot(parameter, accumulatedSlot, sum)])
      this.variables.set(name, {
        steps: state?.steps ?? 0,
        shape,
        slots: Object.fromEntries(slots),
        slotShapes: otherShapes(parameter),
      })
    })
    for (const [{ name }, { unit }] of claimed) if (unit) this.units.set(name, unitState(unit))
  }

  /** A slot with saved values, or in its initial state. */
  #slot(parameter: PlannedParameter, name: string, value: ArrayLike<number> | InitialSlot): T {
    const backend = this.#backend
    const shape = slotShape(parameter, name)
    if (typeof value === 'number') return backend.keep(backend.fill(value, shape))
    const values = value === 'identity' ? createSlot(parameter, name, value, 'float32') : value
    return backend.keep(backend.from(values, shape))
  }

  /** Gives a profile a state with the values that its base keeps. Where one of them was not kept, all start afresh. */
  #ensureProfile(profile: Profile): void {
    const { key, shared } = profile
    const known = this.profiles.get(key)
    const places = shared.names.map((name) => known?.names.indexOf(name) ?? -1)
    if (known && !places.includes(-1)) {
      known.values = places.map((place) => known.values[place]!)
      known.names = shared.names
    } else this.profiles.set(key, { ...initialProfile(profile), names: shared.names })
  }

  /** Replaces all state; variables claim theirs when they are first trained. */
  replace(checkpoint: Checkpoint): void {
    this.dispose()
    const { step, skippedSteps, learningRate, units } = checkpoint
    const accumulated = callsIn(checkpoint) ?? nothingAccumulated
    Object.assign(this, { step, skippedSteps, learningRate, accumulated })
    // Where each parameter is a unit, the units wait for their parameters.
    const isEach = this.#metricScope === 'parameter'
    this.#unclaimed = createUnclaimed(
      this.#backend.stemOf,
      isEach ? checkpoint : { ...checkpoint, units: [] },
    )
    if (!isEach) for (const unit of units) this.units.set(unit.key, unitState(unit))
    for (const { key, steps, values } of checkpoint.profiles ?? [])
      this.profiles.set(key, { steps, names: Object.keys(values), values: Object.values(values) })
  }

  /** Returns to the state before the first step. */
  reset(): void {
    this.dispose()
    Object.assign(this, { step: 0, skippedSteps: 0, learningRate: undefined })
  }

  /** Starts the sums of an update afresh, but for those of gradients. */
  forgetCalls(): void {
    const { loss } = this.accumulated
    if (typeof loss === 'object') this.#backend.dispose(loss)
    this.accumulated = nothingAccumulated
  }

  /** How often a variable has been updated. */
  stepsOf(name: string): number {
    return this.resident?.stepsOf(name) ?? this.variables.get(name)!.steps
  }

  /** The slots of a variable. Copies belong to the current scope. */
  slotsOf(name: string): Readonly<Record<string, T>> {
    return this.resident?.slotsOf(name) ?? this.variables.get(name)!.slots
  }

  /**
   * A copy of the state as it is now: steps that are taken while the device is read are not in it.
   *
   * @param refusing the steps that the device has refused so far without the host knowing
   */
  async save(refusing: Promise<RefusedSteps>): Promise<Omit<SavedState, 'hash'>> {
    // All that a step may change is looked at before anything is awaited.
    const { step, skippedSteps, learningRate } = this
    const { calls, loss } = this.accumulated
    const unclaimed = { units: this.#unclaimed.units, parameters: this.#unclaimed.parameters }
    const read = <K, V, R>(of: ReadonlyMap<K, V>, one: (value: V) => Promise<R>): Promise<[K, R][]> =>
      Promise.all([...of].map(async ([key, value]): Promise<[K, R]> => [key, await one(value)]))
    const [held, refused, units, profiles, variables, accumulatedLoss] = await Promise.all([
      Promise.resolve(this.resident?.save()),
      refusing,
      read(this.units, (unit) => this.#readUnit(unit, refusing)),
      read(this.profiles, (profile) => this.#readProfile(profile, refusing)),
      read(this.variables, (variable) => this.#readVariable(variable, refusing)),
      this.#readScalar(loss),
    ])
    return {
      step: held?.step ?? step - refused.total,
      skippedSteps: held?.skippedSteps ?? skippedSteps + refused.total,
      learningRate,
      accumulated: { calls, loss: accumulatedLoss },
      units: [
        ...units.map(([key, own]) => {
          const { average, steps, names, values } = held?.units.get(key) ?? own
          return { key, average, steps, ...(names.length > 0 && { values: byName(names, values) }) }
        }),
        ...unclaimed.units,
      ],
      profiles: profiles.map(([key, own]) => {
        const { steps, names, values } = held?.profiles.get(key) ?? own
        return { key, steps, values: byName(names, values) }
      }),
      parameters: [
        ...variables.map(([name, own]): ParameterState => {
          const { steps, slots } = held?.variables.get(name) ?? { steps: own.steps, slots: {} }
          return { name, ...own, steps, slots: { ...slots, ...own.slots } }
        }),
        ...unclaimed.parameters,
      ],
    }
  }

  async #readScalar<V extends T | number | undefined>(x: V): Promise<number | Extract<V, undefined>> {
    return typeof x === 'object' ? (await this.#backend.read(x))[0]! : (x as number | Extract<V, undefined>)
  }

  async #readUnit(unit: UnitState<T>, refusing: Promise<RefusedSteps>) {
    const { average, steps, names, values } = unit
    const counted = values.map((value, i) => names[i] === lossCount && typeof value === 'number')
    const [read, ...numbers] = await Promise.all([average, ...values].map((x) => this.#readScalar(x)))
    const refused = (await refusing).of(unit)
    const known = numbers.map((number, i) => (counted[i]! ? number - refused : number))
    return { average: read!, steps: steps - refused, names, values: known }
  }

  async #readProfile(profile: ProfileState<T>, refusing: Promise<RefusedSteps>) {
    const { steps, names, values } = profile
    const numbers = await Promise.all(values.map((x) => this.#readScalar(x)))
    return { steps: steps - (await refusing).of(profile), names, values: numbers }
  }

  async #readVariable(variable: VariableState<T>, refusing: Promise<RefusedSteps>) {
    const { shape, steps, slots, slotShapes } = variable
    const arrays = Object.entries(slots).map(
      async ([slot, tensor]) => [slot, Float32Array.from(await this.#backend.read(tensor))] as const,
    )
    const read = Object.fromEntries(await Promise.all(arrays))
    const taken = steps - (await refusing).of(variable)
    return { shape, dtype: 'float32' as const, steps: taken, slots: read, ...(slotShapes && { slotShapes }) }
  }

  dispose(): void {
    const backend = this.#backend
    this.resident?.forget()
    for (const { slots } of this.variables.values())
      for (const slot of Object.values(slots)) backend.dispose(slot)
    for (const unit of this.units.values()) disposeScalars(backend, unit)
    for (const { values } of this.profiles.values())
      for (const value of values) if (typeof value !== 'number') backend.dispose(value)
    this.forgetCalls()
    this.variables.clear()
    this.units.clear()
    this.profiles.clear()
    this.#unclaimed = createUnclaimed(backend.stemOf)
    this.#ensured = undefined
  }
}

function byName(names: readonly string[], values: readonly number[]): Record<string, number> {
  return Object.fromEntries(names.map((name, i) => [name, values[i]!]))
}

function unitState<T>({
  average,
  steps,
  values = {},
}: Omit<Checkpoint['units'][number], 'key'>): UnitState<T> {
  return { average, steps, names: Object.keys(values), values: Object.values(values) }
}

/** Disposes of those scalars of a unit that are on the device. */
export function disposeScalars<T extends object>(
  backend: VariableBackend<T>,
  { average, values }: Pick<UnitState<T>, 'average' | 'values'>,
): void {
  for (const x of [average, ...values]) if (typeof x !== 'number') backend.dispose(x)
}

/** A variable that was created again under an old name gets the state of the old one, if it has its shape. */
function checkShapes<T>(plan: StepPlan, variables: ReadonlyMap<string, VariableState<T>>): void {
  for (const { name, shape } of plan.parameters) {
    const state = variables.get(name)
    if (state === undefined || state.shape.join() === shape.join()) continue
    throw shapeError(
      `variable ${name} has shape [${shape.join(', ')}], and had [${state.shape.join(', ')}] when this optimiser first ` +
        'trained it; use another optimiser for another model',
    )
  }
}
