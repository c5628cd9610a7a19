import type { StepPlan } from '../step/plan.js'
import type { VariableBackend } from './backend.js'
import { createCompiledEngine } from './compiledEngine.js'
import { createDeferredEngine, type StepGuards } from './deferredEngine.js'
import { DeviceEngine } from './deviceEngine.js'
import type { Places } from './places.js'
import type { State } from './state.js'
import type { StepEngine } from './stepEngine.js'
import type { TensorDevice } from './tensorDevice.js'

/** The way steps are taken: by kernels on a device, in a memory, or by operations. It changes when the framework's backend does. */
export class Engines<T extends object> {
  readonly #backend: VariableBackend<T>
  readonly #places: Places<T>
  readonly #state: State<T>
  readonly #guards: StepGuards<T>
  readonly #planOfAll: () => StepPlan
  #current: { readonly place: object | undefined; readonly engine: StepEngine<T> } | undefined
  /** The device whose kernels cannot take the steps. */
  #unfit: TensorDevice<T> | undefined

  /** @param planOfAll returns the plan of all variables that have a state */
  constructor(
    backend: VariableBackend<T>,
    state: State<T>,
    guards: StepGuards<T>,
    planOfAll: () => StepPlan,
  ) {
    this.#backend = backend
    this.#places = guards.places
    this.#state = state
    this.#guards = guards
    this.#planOfAll = planOfAll
  }

  /**
   * The engine of a step. Where the kernels of a device cannot take it, operations do, from then on.
   *
   * @throws ERR_NOT_SUPPORTED if they must not; ERR_DISPOSED for a lost device
   */
  of(plan: StepPlan): StepEngine<T> {
    const [backend, state] = [this.#backend, this.#state]
    const device = this.#places.device()
    if (device && this.#isUsable(device)) {
      const engine = this.#use(device, () => new DeviceEngine(backend, device, state, this.#planOfAll))
      if (this.#prepares(engine, plan, device)) return engine
    }
    const memory = this.#places.memory()
    return this.#use(memory, () =>
      memory
        ? createCompiledEngine(backend, memory, state)
        : createDeferredEngine(backend, state, this.#guards),
    )
  }

  #isUsable(device: TensorDevice<T>): boolean {
    if (device === this.#unfit) return false
    // Operations count on the host, and a device on itself: what the host does not know yet is settled first.
    return this.#current?.place === device || this.#guards.refusals.isSettled
  }

  #use(place: object | undefined, create: () => StepEngine<T>): StepEngine<T> {
    if (this.#current === undefined || this.#current.place !== place) {
      const settle = this.#current?.engine.release?.()
      if (settle) this.#guards.refusals.defer(settle)
      this.#current?.engine.dispose()
      this.#current = { place, engine: create() }
    }
    return this.#current.engine
  }

  /** Whether kernels of a device can take the step. */
  #prepares(engine: StepEngine<T>, plan: StepPlan, device: TensorDevice<T>): boolean {
    try {
      engine.prepare?.(plan)
      return true
    } catch (error) {
      if (this.#places.isForced || (error as { code?: unknown }).code !== 'ERR_NOT_SUPPORTED') throw error
      this.#unfit = device
      return false
    }
  }

  dispose(): void {
    this.#current?.engine.dispose()
    this.#current = undefined
  }
}
