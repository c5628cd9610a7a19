import { fillSlot, initialSlots, type InitialSlots } from '../../step/initialSlots.js'
import type { StepPlan } from '../../step/plan.js'
import { initialState, type ScalarState } from '../../step/scalarState.js'
import type { Place } from './batches.js'
import { stateWords } from './codegen/words.js'
import { KnownCounts, patternOf, type DeviceCounts, type Pattern } from './counts.js'
import { bufferUsage, type GpuBuffer, type GpuDevice, type GpuEncoder, type GpuPass } from './device.js'
import { EarlyTable } from './earlyTable.js'
import { copyCounts, keptPlaces, type KeptPlaces } from './keptPlaces.js'
import { decodeKept, encodeKept, type KeptState } from './keptState.js'
import { OwnBuffers } from './ownBuffers.js'
import { readBack } from './readBack.js'
import type { StepTensors } from './dispatches.js'
import { createStepKernels, type StepKernels } from './stepKernels.js'

/** The state of an optimiser, apart from slots that are tensors. */
export interface RestoredState {
  readonly step: number
  readonly skipped: number
  readonly state: ScalarState
  /** By parameter, the values of its scalar slots, in the order of its graph's. */
  readonly scalars: readonly (readonly number[])[]
}

/** The steps whose outcome the host does not know, after which it asks the device. */
const mostUnsettled = 48

/** Takes the steps of a plan on a device. Nothing comes back to the host but counts, once in many steps. */
export class GpuStep {
  readonly own: OwnBuffers
  readonly #device: GpuDevice
  readonly #plan: StepPlan
  readonly #kernels: StepKernels
  readonly #initial: readonly InitialSlots[]
  readonly #counts: KnownCounts
  #table: EarlyTable
  #state: GpuBuffer
  #pattern: Pattern | undefined
  #isReading = false

  /**
   * @throws ERR_NOT_SUPPORTED where the device cannot bind what a kernel needs
   */
  constructor(device: GpuDevice, plan: StepPlan) {
    this.#device = device
    this.#plan = plan
    this.own = new OwnBuffers(device)
    this.#initial = initialSlots(plan)
    try {
      this.#kernels = createStepKernels(device, plan, this.own, () => this.#state)
      const { layout, classes } = this.#kernels
      this.#table = new EarlyTable(classes.create(plan), layout.end)
      this.#state = this.#createState()
      this.#counts = new KnownCounts(this.#write(this.#initialState()))
      this.#resetSlots()
    } catch (error) {
      this.own.freeAll()
      throw error
    }
  }

  /** The next step, if the device has taken all steps so far. */
  get nextStep(): number {
    return this.#counts.window.last
  }

  /** Uses the hyperparameters of another plan of the same form from the next step on. */
  use(plan: StepPlan): void {
    this.#table.replace(this.#kernels.classes.create(plan))
  }

  /**
   * Submits a step.
   *
   * @param tensors parameters, which may be other buffers than in the step before, and at least one gradient; without elements
   *   a parameter's is any buffer
   * @param around records what comes before the step, such as a loss that it copies to a place in the state, and after it
   * @throws ERR_OPTION when a schedule leaves its range; then nothing is submitted
   */
  take(
    { parameters, gradients }: StepTensors,
    loss: number | undefined,
    around: {
      readonly before?: (encoder: GpuEncoder, state: GpuBuffer, lossAt: number) => void
      readonly after?: ((pass: GpuPass) => void) | undefined
    } = {},
  ): void {
    const { queue } = this.#device
    const pattern = this.#patternOf(gradients.map((gradient) => gradient !== null))
    const { classes } = this.#kernels
    const { window } = this.#counts
    const offsets = this.#counts.offsets(this.#plan, pattern, classes.ofParameters)
    if (this.#table.reserve(window, offsets)) this.#grow()
    this.#table.write(queue, this.#state, window, offsets)
    if (this.#pattern !== pattern) this.#writeFlags(pattern)
    this.#pattern = pattern
    if (loss !== undefined) queue.writeBuffer(this.#state, 4 * stateWords.loss, Float32Array.of(loss))
    const encoder = this.#device.createCommandEncoder()
    around.before?.(encoder, this.#state, 4 * stateWords.loss)
    const pass = encoder.beginComputePass()
    const given = gradients.map((gradient, index) =>
      this.#plan.parameters[index]!.size === 0 && gradient !== null ? this.#empty() : gradient,
    )
    this.#kernels.encode(pass, { parameters, gradients: given })
    around.after?.(pass)
    pass.end()
    queue.submit([encoder.finish()])
    this.#counts.add(pattern)
    if (this.#counts.unsettled >= mostUnsettled) this.#ask()
  }

  /** Reads what the device keeps after the calls so far. */
  async read(): Promise<KeptState> {
    const { total } = this.#counts
    const { layout } = this.#kernels
    const [bytes] = await readBack(this.#device, [
      { buffer: this.#state, offset: 0, size: 4 * layout.keptEnd },
    ])
    const kept = decodeKept(this.#plan, layout, bytes!)
    this.#counts.settle(kept.counts, total)
    return kept
  }

  /** The places of a parameter's slots that are tensors, by name. */
  slots(index: number): ReadonlyMap<string, Place> {
    const batch = this.#kernels.batches.find(({ members }) => members.includes(index))!
    const places = batch.places[batch.members.indexOf(index)]!
    return new Map(
      batch.form.items.flatMap(({ keys: [key] }, item) =>
        key!.startsWith('slot.') ? [[key!.slice('slot.'.length), places[item]!] as const] : [],
      ),
    )
  }

  /** The names of a parameter's slots that are scalars, in the order of their values. */
  scalarSlots(index: number): readonly string[] {
    const { forms, formOf } = this.#kernels.forms
    return forms[formOf[index]!]!.scalarSlots
  }

  /** The places of everything that is kept and is a number, until the next step. */
  get numbers(): KeptPlaces {
    return keptPlaces(this.#kernels.layout, this.#plan, this.#state, (index) => this.scalarSlots(index))
  }

  /** The counts, if the device has taken all steps so far. */
  get assumed(): DeviceCounts {
    return this.#counts.assumed
  }

  /**
   * Continues from the counts of another step, although the host may not know them yet.
   *
   * @param before of a plan whose parameters, profiles and units are the first ones of this plan
   */
  continueCounts(before: GpuStep): void {
    const encoder = this.#device.createCommandEncoder()
    const from = { layout: before.#kernels.layout, buffer: before.#state, plan: before.#plan }
    copyCounts(encoder, from, { layout: this.#kernels.layout, buffer: this.#state, plan: this.#plan })
    this.#device.queue.submit([encoder.finish()])
    this.#counts.continue(before.#counts, this.#plan)
    this.#table.invalidate()
  }

  /** Replaces everything that is kept but slots that are tensors. */
  restore(state: RestoredState): void {
    this.#counts.replace(this.#write(state))
    this.#table.invalidate()
  }

  /** Returns to the state before the first step. */
  reset(): void {
    this.restore(this.#initialState())
    this.#resetSlots()
  }

  dispose(): void {
    this.own.freeAll()
  }

  #initialState(): RestoredState {
    const scalars = this.#initial.map((values, index) =>
      this.scalarSlots(index).map((name) => values[name] as number),
    )
    return { step: 0, skipped: 0, state: initialState(this.#plan), scalars }
  }

  #write(state: RestoredState) {
    const { words, counts } = encodeKept(this.#plan, this.#kernels.layout, state)
    this.#device.queue.writeBuffer(this.#state, 0, words)
    return counts
  }

  #resetSlots(): void {
    const encoder = this.#device.createCommandEncoder()
    for (const { arenas } of this.#kernels.batches) for (const arena of arenas) encoder.clearBuffer(arena)
    this.#device.queue.submit([encoder.finish()])
    this.#initial.forEach((values, index) => {
      for (const [name, { buffer, offset, length }] of this.slots(index)) {
        const initial = values[name]!
        if (initial === 0 || length === 0) continue
        const array = new Float32Array(length)
        fillSlot(array, initial)
        this.#device.queue.writeBuffer(buffer, 4 * offset, array)
      }
    })
  }

  #createState(): GpuBuffer {
    const { layout, constants } = this.#kernels
    const { storage, copySource, copyTarget } = bufferUsage
    const buffer = this.own.create(4 * (layout.end + this.#table.words), storage | copySource | copyTarget)
    this.#device.queue.writeBuffer(buffer, 4 * layout.keptEnd, constants)
    return buffer
  }

  /** Moves the state to a buffer with room for the table. */
  #grow(): void {
    const before = this.#state
    this.#state = this.#createState()
    const encoder = this.#device.createCommandEncoder()
    encoder.copyBufferToBuffer(before, 0, this.#state, 0, 4 * this.#kernels.layout.end)
    this.#device.queue.submit([encoder.finish()])
    this.own.free(before)
  }

  #patternOf(active: readonly boolean[]): Pattern {
    const before = this.#pattern
    const isSame = before?.parameters.every((value, index) => value === active[index])
    return isSame ? before! : patternOf(this.#plan, active)
  }

  #writeFlags({ parameters, profiles, units }: Pattern): void {
    const flags = Uint32Array.from([...parameters, ...profiles, ...units], Number)
    this.#device.queue.writeBuffer(this.#state, 4 * this.#kernels.layout.flags, flags)
  }

  #emptyBuffer: GpuBuffer | undefined
  /** Stands for the gradient of a parameter without elements. */
  #empty(): GpuBuffer {
    return (this.#emptyBuffer ??= this.own.create(16, bufferUsage.storage))
  }

  /** Asks the device how many steps it has taken, without waiting for the answer. */
  #ask(): void {
    if (this.#isReading) return
    this.#isReading = true
    this.read().then(
      () => (this.#isReading = false),
      // Whoever asks for a report learns of a lost device.
      () => undefined,
    )
  }
}
