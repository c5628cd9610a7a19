import type { Checkpoint } from '../checkpoint/checkpoint.js'
import { checkpointOf, matchCheckpoint } from '../checkpoint/match.js'
import type { GpuBuffer, GpuDevice, GpuEncoder, GpuPass } from '../engines/webgpu/device.js'
import { GradientSums } from '../engines/webgpu/gradientSums.js'
import { createHalfCopies, type HalfCopy } from '../engines/webgpu/halfCopies.js'
import { checkDeviceAlive, watchDevice } from '../engines/webgpu/lostDevices.js'
import { readBack, type Range } from '../engines/webgpu/readBack.js'
import type { GpuStep } from '../engines/webgpu/step.js'
import { disposedError } from '../errors.js'
import {
  accumulatedSlot,
  meanLoss,
  nothingAccumulated,
  waitingReport,
  withCall,
  type Accumulated,
} from '../step/accumulation.js'
import { checkLearningRate, learningRateAt, withLearningRate } from '../step/learningRate.js'
import type { StepPlan } from '../step/plan.js'
import { initialReport, refusal, restoredReport, type StepReport } from '../step/report.js'
import { checkGradients, lossOf } from './checks.js'
import { exchangeWeights } from './evaluation.js'
import { reportOf, type LatestCall } from './latestCall.js'
import { checkOwnValues } from '../step/withValues.js'
import type { GpuOptimizer } from './types.js'

/** The loss of a call of `step`. */
type Loss = number | GpuBuffer | undefined

/** An optimiser over buffers: a plan, the kernels that run it, and what the host counts. */
export class DeviceOptimizer implements GpuOptimizer {
  /** The plan at the current learning rate. */
  #plan: StepPlan
  readonly #planned: StepPlan
  readonly #device: GpuDevice
  readonly #buffers: readonly (GpuBuffer | undefined)[]
  readonly #owned: ReadonlySet<GpuBuffer | undefined>
  /** Whether the parameters hold their averages, or are about to. */
  #isAveraged = false
  #step: GpuStep | undefined
  #fixedRate: number | undefined
  /** Steps without any gradient, which the device never sees. */
  #idleSteps = 0
  /** The refused steps that an error was thrown for. */
  #thrown = 0
  #latest: LatestCall | undefined
  /** The report of the latest update that was read, with counts of a loaded checkpoint. */
  #report: StepReport = initialReport
  /** Records what brings copies in half precision up to date; `undefined` if there are none. */
  readonly #copy: ((pass: GpuPass) => void) | undefined
  /** `undefined` where every call of `step` is an update. */
  readonly #sums: GradientSums | undefined
  #accumulated: Accumulated = nothingAccumulated
  /** Whether any of the losses that wait is on the device. */
  #hasDeviceLoss = false

  constructor(
    plan: StepPlan,
    device: GpuDevice,
    buffers: readonly (GpuBuffer | undefined)[],
    copies: readonly HalfCopy[],
    step: GpuStep,
  ) {
    this.#plan = plan
    this.#planned = plan
    this.#device = device
    this.#buffers = buffers
    this.#owned = new Set(buffers)
    this.#step = step
    this.#copy = copies.length === 0 ? undefined : createHalfCopies(device, copies, step.own)
    this.#copyHalves()
    watchDevice(device)
    const { accumulate } = plan.transformation
    this.#sums = accumulate > 1 ? new GradientSums(device, plan, step.own, accumulate) : undefined
  }

  get learningRate(): number {
    const next = this.#step?.nextStep ?? this.#report.step + 1
    return learningRateAt(this.#plan.transformation, this.#fixedRate, next)
  }

  set learningRate(value: number) {
    this.#alive()
    checkLearningRate(value)
    this.#fix(value)
  }

  #fix(rate: number | undefined): void {
    this.#fixedRate = rate
    this.#plan = withLearningRate(this.#planned, rate)
    this.#step?.use(this.#plan)
  }

  step(gradients: readonly (GpuBuffer | null)[], options: { readonly loss?: number | GpuBuffer } = {}): void {
    const step = this.#alive()
    checkOwnValues('step', this.#isAveraged)
    checkGradients(this.#plan, gradients, this.#owned)
    const loss = lossOf(this.#plan, options)
    if (this.#sums) this.#accumulate(step, this.#sums, gradients, loss)
    else this.#update(step, gradients, loss)
  }

  #update(
    step: GpuStep,
    gradients: readonly (GpuBuffer | null)[],
    loss: Loss,
    before?: (encoder: GpuEncoder, state: GpuBuffer) => void,
  ): void {
    const active = gradients.map((gradient) => gradient !== null)
    const isIdle = !active.includes(true)
    if (isIdle) this.#idleSteps++
    else {
      const number = typeof loss === 'number' ? loss : undefined
      step.take({ parameters: this.#buffers, gradients }, number, {
        before(encoder, state, lossAt) {
          before?.(encoder, state)
          if (typeof loss === 'object') encoder.copyBufferToBuffer(loss, 0, state, lossAt, 4)
        },
        after: this.#copy,
      })
    }
    const isRead = typeof loss === 'object' || (before !== undefined && this.#hasDeviceLoss)
    this.#latest = {
      isIdle,
      active,
      plan: this.#plan,
      loss: isRead ? 'device' : loss,
    }
  }

  /** Submits what brings copies in half precision up to date. */
  #copyHalves(): void {
    if (!this.#copy) return
    const encoder = this.#device.createCommandEncoder()
    const pass = encoder.beginComputePass()
    this.#copy(pass)
    pass.end()
    this.#device.queue.submit([encoder.finish()])
  }

  #accumulate(step: GpuStep, sums: GradientSums, gradients: readonly (GpuBuffer | null)[], loss: Loss): void {
    const { calls } = this.#accumulated
    const isDevice = this.#hasDeviceLoss || typeof loss === 'object'
    const isLast = calls + 1 === this.#plan.transformation.accumulate
    const add = (encoder: GpuEncoder): void => {
      sums.add(encoder, gradients, isLast)
      if (loss !== undefined) sums.addLoss(encoder, loss, calls)
    }
    this.#hasDeviceLoss = isDevice
    // Losses on the device count as 0 here, since their sum is made there.
    this.#accumulated = withCall(this.#accumulated, typeof loss === 'object' ? 0 : loss)
    if (!isLast) {
      const encoder = this.#device.createCommandEncoder()
      add(encoder)
      this.#device.queue.submit([encoder.finish()])
      return
    }
    const mean = meanLoss(this.#accumulated)
    const encoder = this.#device.createCommandEncoder()
    add(encoder)
    this.#device.queue.submit([encoder.finish()])
    const means = gradients.map((_, index) => sums.sumOf(index) ?? null)
    try {
      this.#update(step, means, isDevice ? undefined : mean, (next, state) => {
        if (isDevice && mean !== undefined) sums.meanLoss(next, state)
      })
    } finally {
      this.#accumulated = nothingAccumulated
      this.#hasDeviceLoss = false
      sums.clear()
    }
  }

  async report(): Promise<StepReport> {
    const step = this.#alive()
    const [latest, accumulated, hasDeviceLoss] = [this.#latest, this.#accumulated, this.#hasDeviceLoss]
    if (latest) await this.#read(step, latest)
    if (!this.#sums) return this.#report
    if (accumulated.calls === 0) return { ...this.#report, accumulated: 0 }
    const loss = hasDeviceLoss ? await this.#lossSum(this.#sums, accumulated) : accumulated.loss
    return waitingReport(this.#report, { calls: accumulated.calls, loss })
  }

  /** Reads the report of the latest update. */
  async #read(step: GpuStep, latest: LatestCall): Promise<void> {
    const idle = this.#idleSteps
    const kept = await step.read()
    const { refused, latestRefused } = kept
    if (refused > this.#thrown) {
      this.#thrown = refused
      const { unit, status, dualNorm, loss } = latestRefused
      const given = { dualNorm, loss: latest.loss === undefined ? undefined : loss }
      throw refusal(this.#plan.transformation, this.#plan.units[unit]!, status, given)!
    }
    this.#report = reportOf(kept, latest, kept.skipped + idle)
  }

  /** The sum of losses of which some are on the device. */
  async #lossSum(sums: GradientSums, { calls, loss }: Accumulated): Promise<number | undefined> {
    if (loss === undefined) return undefined
    const [bytes] = await readBack(this.#device, [{ buffer: sums.losses, offset: 0, size: 4 * calls }])
    return new Float32Array(bytes!).reduce((a, b) => a + b, 0)
  }

  async save(): Promise<Checkpoint> {
    const step = this.#alive()
    const [plan, fixedRate, idle] = [this.#plan, this.#fixedRate, this.#idleSteps]
    const accumulated = { ...this.#accumulated }
    const sums = this.#sums
    const ranges: Range[] = []
    const names = plan.parameters.map(({ size }, index) => {
      const own = [...step.slots(index)].map(([name, { buffer, offset, length }]) => {
        ranges.push({ buffer, offset: 4 * offset, size: 4 * length })
        return name
      })
      const sum = sums?.sumOf(index)
      if (sum === undefined) return own
      ranges.push({ buffer: sum, offset: 0, size: 4 * size })
      return [...own, accumulatedSlot]
    })
    // Both are submitted before anything else can be.
    const [kept, arrays, loss] = await Promise.all([
      step.read(),
      readBack(this.#device, ranges),
      this.#hasDeviceLoss ? this.#lossSum(sums!, accumulated) : accumulated.loss,
    ])
    let place = 0
    const numbers = {
      ...kept.state,
      step: kept.step,
      skippedSteps: kept.skipped + idle,
      learningRate: fixedRate,
      accumulated: sums && { calls: accumulated.calls, loss },
    }
    return checkpointOf(plan, numbers, (index) => {
      const read = new Map(names[index]!.map((name) => [name, new Float32Array(arrays[place++]!)]))
      step.scalarSlots(index).forEach((name, i) => read.set(name, Float32Array.of(kept.scalars[index]![i]!)))
      const ordered = [...plan.parameters[index]!.graph.slots, accumulatedSlot]
      const slots = ordered.flatMap((name) => (read.has(name) ? [[name, read.get(name)!] as const] : []))
      return { dtype: 'float32', slots: Object.fromEntries(slots) }
    })
  }

  load(given: Checkpoint | Uint8Array): void {
    const step = this.#alive()
    const matched = matchCheckpoint(this.#planned, given, () => 'float32')
    const { checkpoint, states, units, profiles, accumulated, sums } = matched
    states.forEach(({ slots }, index) => {
      for (const [name, { buffer, offset, length }] of step.slots(index)) {
        const values = slots[name] as Float32Array<ArrayBuffer>
        if (length > 0) this.#device.queue.writeBuffer(buffer, 4 * offset, values)
      }
    })
    step.restore({
      step: checkpoint.step,
      skipped: checkpoint.skippedSteps,
      state: { steps: states.map(({ steps }) => steps), units: [...units], profiles: [...profiles] },
      scalars: states.map(({ slots }, index) => step.scalarSlots(index).map((name) => slots[name]![0]!)),
    })
    this.#forget(checkpoint.learningRate)
    this.#report = restoredReport(initialReport, checkpoint)
    this.#accumulated = accumulated
    if (accumulated.loss !== undefined) this.#sums?.restoreLoss(accumulated.loss, accumulated.calls)
    sums.forEach((sum, index) => {
      if (sum !== undefined) this.#sums?.restore(index, sum as Float32Array<ArrayBuffer>)
    })
  }

  async withEvaluationWeights<R>(evaluate: () => R | Promise<R>): Promise<R> {
    const step = this.#alive()
    checkOwnValues('withEvaluationWeights', this.#isAveraged)
    this.#isAveraged = true
    try {
      const exchanged = await exchangeWeights(this.#device, this.#plan, step, this.#buffers)
      this.#copyHalves()
      try {
        return await evaluate()
      } finally {
        exchanged.restore()
        this.#copyHalves()
      }
    } finally {
      this.#isAveraged = false
    }
  }

  reset(): void {
    const step = this.#alive()
    checkOwnValues('reset', this.#isAveraged)
    step.reset()
    this.#forget(undefined)
    this.#report = initialReport
  }

  /** Forgets the calls so far. */
  #forget(rate: number | undefined): void {
    this.#fix(rate)
    this.#idleSteps = 0
    this.#thrown = 0
    this.#latest = undefined
    this.#accumulated = nothingAccumulated
    this.#hasDeviceLoss = false
    this.#sums?.clear()
  }

  dispose(): void {
    this.#step?.dispose()
    this.#step = undefined
  }

  #alive(): GpuStep {
    if (!this.#step) throw disposedError()
    checkDeviceAlive(this.#device)
    return this.#step
  }
}
