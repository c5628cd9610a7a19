import type { GpuBuffer } from '../engines/webgpu/device.js'
import type { KeptState } from '../engines/webgpu/keptState.js'
import { checkDeviceAlive, watchDevice } from '../engines/webgpu/lostDevices.js'
import { readBack } from '../engines/webgpu/readBack.js'
import { GpuStep } from '../engines/webgpu/step.js'
import { withLearningRate } from '../step/learningRate.js'
import { stepStatus } from '../step/metricGraph.js'
import type { StepPlan } from '../step/plan.js'
import { noResult, refusal } from '../step/report.js'
import { profileScalars, unitScalars } from '../step/scalarInputs.js'
import { checkHostWork } from '../tensors/hostWork.js'
import type { VariableBackend, VariableGradient } from './backend.js'
import type { PendingReport } from './pendingReport.js'
import { moveIn, moveOut, slotCopies, takeBackRefused } from './residentState.js'
import type { ResidentState, ResidentValues, State } from './state.js'
import type { StepEngine } from './stepEngine.js'
import type { TensorDevice } from './tensorDevice.js'

/** A step of a plan of all variables, which holds their state. */
interface Current {
  readonly plan: StepPlan
  readonly step: GpuStep
}

/** What a report is made of, beside what the device keeps. */
interface Call {
  readonly current: Current
  /** The plan of the call's variables, at the learning rate of the call. */
  readonly plan: StepPlan
  readonly active: ReadonlySet<string>
  readonly loss: number | 'device' | undefined
}

/**
 * Steps by the core's kernels on buffers of a WebGPU device. There is one step for all variables that were ever trained, which holds
 * their state: those that are not trained in a call have no gradient.
 */
export class DeviceEngine<T extends object> implements StepEngine<T>, ResidentState<T> {
  readonly #backend: VariableBackend<T>
  readonly #device: TensorDevice<T>
  readonly #state: State<T>
  readonly #planOfAll: () => StepPlan
  #current: Current | undefined
  /** The plans of a call's variables, by the plan of all. */
  #all = new WeakMap<StepPlan, { readonly plan: StepPlan; readonly variables: number }>()
  /** The plan of the latest call, its learning rate, and the step that has its hyperparameters. */
  #used: { readonly plan: StepPlan; readonly rate: number | undefined; readonly step: GpuStep } | undefined
  /** The refused steps that the state knows of. */
  #skipped = 0
  #refused = 0

  /** @param planOfAll returns the plan of all variables that have a state */
  constructor(
    backend: VariableBackend<T>,
    device: TensorDevice<T>,
    state: State<T>,
    planOfAll: () => StepPlan,
  ) {
    this.#backend = backend
    this.#device = device
    this.#state = state
    this.#planOfAll = planOfAll
    watchDevice(device.device)
  }

  /**
   * Gets ready for the steps of a plan.
   *
   * @throws ERR_NOT_SUPPORTED where the kernels cannot take them; then the state is where it was. ERR_DISPOSED for a lost device
   */
  prepare(plan: StepPlan): void {
    checkDeviceAlive(this.#device.device)
    const all = this.#allOf(plan)
    const before = this.#current
    if (before?.plan === all) return
    checkHostWork(all, [...all.parameters.keys()], { computesMatrices: true, drawsNormals: false })
    const step = new GpuStep(this.#device.device, all)
    this.#state.ensure(all)
    const moved = { backend: this.#backend, device: this.#device, state: this.#state }
    if (before) moveOut({ ...moved, ...before })
    moveIn({ ...moved, plan: all, step })
    if (before && beginsWith(all, before.plan)) step.continueCounts(before.step)
    else this.#skipped = this.#refused = 0
    before?.step.dispose()
    this.#current = { plan: all, step }
    this.#state.resident = this
  }

  take(
    plan: StepPlan,
    pairs: readonly VariableGradient<T>[],
    loss: T | number | undefined,
  ): PendingReport<T | number> {
    const current = this.#current!
    const rate = this.#state.learningRate
    const active = new Set(pairs.flatMap(({ name, gradient }) => (gradient === null ? [] : [name])))
    const call: Call = {
      current,
      plan: withLearningRate(plan, rate),
      active,
      loss: typeof loss === 'object' ? 'device' : loss,
    }
    if (active.size > 0) {
      this.#use(plan, rate, current)
      this.#encode(current, pairs, loss)
    }
    return {
      skipped: active.size === 0,
      learningRate: NaN,
      loss: undefined,
      units: [],
      settle: () => this.#read(call),
    }
  }

  /** Writes the variables. Each gets a fresh buffer, which begins as a copy: other tensors may share the old one. */
  #encode(
    { plan, step }: Current,
    pairs: readonly VariableGradient<T>[],
    loss: T | number | undefined,
  ): void {
    const device = this.#device
    const given = new Map(pairs.map((pair) => [pair.name, pair]))
    const copies: { readonly from: GpuBuffer; readonly to: GpuBuffer; readonly size: number }[] = []
    const written: { readonly variable: T; readonly value: T }[] = []
    const parameters: (GpuBuffer | undefined)[] = []
    const gradients = plan.parameters.map(({ name, size, shape }, index): GpuBuffer | null => {
      const { variable, gradient = null } = given.get(name) ?? {}
      if (variable === undefined || gradient === null) return null
      // Without elements it has no buffer, but the step counts for it.
      if (size === 0) return anyBuffer
      const value = device.output(shape)
      const to = device.buffer(value)
      copies.push({ from: device.buffer(variable), to, size: 4 * size })
      written.push({ variable, value })
      parameters[index] = to
      return device.buffer(gradient)
    })
    const lossBuffer = typeof loss === 'object' ? device.buffer(loss) : undefined
    device.submit()
    step.take({ parameters, gradients }, typeof loss === 'number' ? loss : undefined, {
      before(encoder, state, lossAt) {
        for (const { from, to, size } of copies) encoder.copyBufferToBuffer(from, 0, to, 0, size)
        if (lossBuffer) encoder.copyBufferToBuffer(lossBuffer, 0, state, lossAt, 4)
      },
    })
    for (const { variable, value } of written) this.#backend.assign(variable, value)
  }

  /** The plan of all variables, for a plan of some. */
  #allOf(plan: StepPlan): StepPlan {
    const { size } = this.#state.variables
    const known = this.#all.get(plan)
    if (known?.variables === size) return known.plan
    const all = this.#planOfAll()
    this.#all.set(plan, { plan: all, variables: size })
    return all
  }

  /** Gives the step the learning rate, and the numbers of elements that units have in the plan of a call. */
  #use(plan: StepPlan, rate: number | undefined, { plan: all, step }: Current): void {
    const used = this.#used
    if (used?.plan === plan && used.rate === rate && used.step === step) return
    const sizes = new Map(plan.units.map(({ key, size }) => [key, size]))
    const units = all.units.map((unit) => ({ ...unit, size: sizes.get(unit.key) ?? unit.size }))
    step.use(withLearningRate({ ...all, units }, rate))
    this.#used = { plan, rate, step }
  }

  /** Reads the report of the latest call, and learns which steps the device refused. */
  async #read(call: Call): Promise<PendingReport<number>> {
    const { current } = call
    const kept = await current.step.read()
    this.#settle(current, kept)
    return reportOf(call, kept)
  }

  /** @throws ERR_NON_FINITE, ERR_BAD_LOSS where the transformation says to throw */
  #settle({ plan, step }: Current, { skipped, refused, latestRefused }: KeptState): void {
    const state = this.#state
    // It may have been loaded or reset in the meantime.
    if (state.resident !== this) return
    state.skippedSteps += Math.max(0, skipped - this.#skipped)
    this.#skipped = Math.max(skipped, this.#skipped)
    if (this.#current?.step === step) state.step = step.nextStep - 1
    if (refused <= this.#refused) return
    this.#refused = refused
    const { unit, status, dualNorm, loss } = latestRefused
    throw refusal(plan.transformation, plan.units[unit]!, status, { dualNorm, loss })!
  }

  stepsOf(name: string): number {
    const { plan, step } = this.#current!
    const { step: taken, parameters } = step.assumed
    return taken - parameters[indexOf(plan, name)]!
  }

  slotsOf(name: string): Record<string, T> {
    const current = this.#current!
    return slotCopies(
      { backend: this.#backend, device: this.#device, ...current },
      indexOf(current.plan, name),
    )
  }

  async save(): Promise<ResidentValues> {
    const { plan, step } = this.#current!
    const { skippedSteps } = this.#state
    const known = this.#skipped
    const slots = plan.parameters.map((_, index) => [...step.slots(index)])
    const ranges = slots
      .flat()
      .map(([, { buffer, offset, length }]) => ({ buffer, offset: 4 * offset, size: 4 * length }))
    // Both are submitted before anything else can be.
    const [kept, arrays] = await Promise.all([step.read(), readBack(this.#device.device, ranges)])
    const { steps, units, profiles } = kept.state
    let place = 0
    return {
      step: kept.step,
      skippedSteps: skippedSteps + Math.max(0, kept.skipped - known),
      units: new Map(plan.units.map(({ key, graph }, i) => [key, { ...units[i]!, names: graph.state }])),
      profiles: new Map(
        plan.profiles.map(({ key, shared }, i) => [key, { ...profiles[i]!, names: shared.names }]),
      ),
      variables: new Map(
        plan.parameters.map(({ name, graph }, index) => {
          const read = new Map(slots[index]!.map(([slot]) => [slot, new Float32Array(arrays[place++]!)]))
          step
            .scalarSlots(index)
            .forEach((slot, i) => read.set(slot, Float32Array.of(kept.scalars[index]![i]!)))
          const ordered = graph.slots.map((slot) => [slot, read.get(slot)!] as const)
          return [name, { steps: steps[index]!, slots: Object.fromEntries(ordered) }]
        }),
      ),
    }
  }

  /**
   * Moves the state back to tensors, for another engine.
   *
   * @returns what takes the steps that the device has refused off the state's counts
   */
  release(): (() => Promise<void>) | undefined {
    const current = this.#current
    if (!current || this.#state.resident !== this) return undefined
    const state = this.#state
    moveOut({ backend: this.#backend, device: this.#device, state, ...current })
    const assumed = current.step.assumed
    const [skipped, refused] = [this.#skipped, this.#refused]
    const read = current.step.read()
    // It is looked at later, or never.
    read.catch(() => undefined)
    this.forget()
    return async () => {
      const kept = await read
      takeBackRefused(state, current.plan, assumed, kept.counts)
      state.skippedSteps += kept.skipped - skipped
      if (kept.refused <= refused) return
      const { unit, status, dualNorm, loss } = kept.latestRefused
      throw refusal(current.plan.transformation, current.plan.units[unit]!, status, { dualNorm, loss })!
    }
  }

  forget(): void {
    this.#current?.step.dispose()
    this.#current = this.#used = undefined
    this.#all = new WeakMap()
    this.#skipped = this.#refused = 0
    if (this.#state.resident === this) this.#state.resident = undefined
  }

  dispose(): void {
    this.forget()
  }
}

/** Stands for the buffer of a tensor without elements, which is never bound. */
const anyBuffer = {} as GpuBuffer

function indexOf({ parameters }: StepPlan, name: string): number {
  return parameters.findIndex((parameter) => parameter.name === name)
}

/** Whether parameters, units and profiles of a plan are the first ones of a larger one. */
function beginsWith(all: StepPlan, first: StepPlan): boolean {
  return (
    first.parameters.every(({ name, graph }, i) => {
      const other = all.parameters[i]
      return other?.name === name && other.graph.hash === graph.hash
    }) &&
    first.units.every(({ key }, i) => all.units[i]?.key === key) &&
    first.profiles.every(({ key }, i) => all.profiles[i]?.key === key)
  )
}

/** Puts a report together from what the device keeps, and from schedules, which the host knows precisely. */
function reportOf({ current, plan, active, loss }: Call, kept: KeptState): PendingReport<number> {
  const skipped = active.size === 0 || !kept.taken
  const step = skipped ? kept.step + 1 : kept.step
  const places = new Map(current.plan.units.map(({ key }, index) => [key, index]))
  const units = plan.units.map((unit) => {
    const isActive = unit.contributors.some((member) => active.has(plan.parameters[member]!.name))
    const found = isActive ? kept.units[places.get(unit.key)!] : undefined
    if (!found) return { ...noResult(unit), status: stepStatus.ok }
    const { dualNorm, metric, scale } = found
    return { unit, dualNorm, metric, scale, xi: unitScalars({}, unit, step)['xi']!, status: stepStatus.ok }
  })
  const [profile] = plan.profiles
  return {
    skipped,
    learningRate: profile ? profileScalars({}, profile, step)['learningRate']! : NaN,
    loss: loss === 'device' ? kept.loss : loss,
    units,
  }
}
