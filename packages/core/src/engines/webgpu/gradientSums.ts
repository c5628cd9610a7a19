import type { StepPlan } from '../../step/plan.js'
import { accumulationText, meanLossText } from './codegen/accumulationText.js'
import { elementGroups, stateWords } from './codegen/words.js'
import { bufferUsage, type GpuBuffer, type GpuDevice, type GpuEncoder, type GpuPipeline } from './device.js'
import type { OwnBuffers } from './ownBuffers.js'
import { pipelineOf } from './pipelines.js'

/** The sums of gradients over the calls of an update, and its losses, on the device. */
export class GradientSums {
  readonly #device: GpuDevice
  readonly #plan: StepPlan
  readonly #own: OwnBuffers
  readonly #calls: number
  readonly #sums: (GpuBuffer | undefined)[] = []
  /** The parameters that have had a gradient in this update. */
  readonly #begun = new Set<number>()
  #losses: GpuBuffer | undefined

  /** @param calls how many make an update */
  constructor(device: GpuDevice, plan: StepPlan, own: OwnBuffers, calls: number) {
    this.#device = device
    this.#plan = plan
    this.#own = own
    this.#calls = calls
  }

  /** The sum of a parameter's gradients in this update; `undefined` if it has had none. */
  sumOf(index: number): GpuBuffer | undefined {
    return this.#begun.has(index) ? this.#sums[index] : undefined
  }

  /**
   * Records the addition of a call's gradients.
   *
   * @param isLast whether the update is complete, so that sums become means
   */
  add(encoder: GpuEncoder, gradients: readonly (GpuBuffer | null)[], isLast: boolean): void {
    gradients.forEach((gradient, index) => {
      if (gradient === null || this.#begun.has(index)) return
      this.#begun.add(index)
      encoder.clearBuffer(this.#sumBuffer(index))
    })
    const adding = [...gradients.keys()].filter(
      (index) => gradients[index] !== null && this.#hasElements(index),
    )
    const dividing = [...this.#begun].filter((index) => gradients[index] === null && this.#hasElements(index))
    const divisor = isLast ? this.#calls : 1
    this.#run(encoder, adding, divisor, (index) => [this.#sumBuffer(index), gradients[index]!])
    if (isLast) this.#run(encoder, dividing, divisor, (index) => [this.#sumBuffer(index)])
  }

  /** Notes the loss of a call, counted from 0. */
  addLoss(encoder: GpuEncoder, loss: number | GpuBuffer, call: number): void {
    if (typeof loss === 'number') this.#device.queue.writeBuffer(this.losses, 4 * call, Float32Array.of(loss))
    else encoder.copyBufferToBuffer(loss, 0, this.losses, 4 * call, 4)
  }

  /** Continues an update whose calls so far have this sum of losses: it takes the place of the first. */
  restoreLoss(sum: number, calls: number): void {
    const losses = new Float32Array(calls)
    losses[0] = sum
    if (calls > 0) this.#device.queue.writeBuffer(this.losses, 0, losses)
  }

  /** The losses of the calls. */
  get losses(): GpuBuffer {
    const { storage, copySource, copyTarget } = bufferUsage
    return (this.#losses ??= this.#own.create(4 * this.#calls, storage | copySource | copyTarget))
  }

  /** Records that the mean of the losses becomes that of the step. */
  meanLoss(encoder: GpuEncoder, state: GpuBuffer): void {
    const pipeline = this.#pipeline(meanLossText(this.#calls, stateWords.loss))
    const pass = encoder.beginComputePass()
    pass.setPipeline(pipeline)
    pass.setBindGroup(0, this.#bind(pipeline, [state, this.losses]))
    pass.dispatchWorkgroups(1)
    pass.end()
  }

  /** Starts another update. */
  clear(): void {
    this.#begun.clear()
  }

  /** Continues an update. */
  restore(index: number, sum: Float32Array<ArrayBuffer>): void {
    this.#begun.add(index)
    if (sum.length > 0) this.#device.queue.writeBuffer(this.#sumBuffer(index), 0, sum)
  }

  #hasElements(index: number): boolean {
    return this.#plan.parameters[index]!.size > 0
  }

  #sumBuffer(index: number): GpuBuffer {
    const { storage, copySource, copyTarget } = bufferUsage
    const size = 4 * Math.max(1, this.#plan.parameters[index]!.size)
    return (this.#sums[index] ??= this.#own.create(size, storage | copySource | copyTarget))
  }

  #run(
    encoder: GpuEncoder,
    indices: readonly number[],
    divisor: number,
    buffersOf: (index: number) => readonly GpuBuffer[],
  ): void {
    if (indices.length === 0) return
    const pass = encoder.beginComputePass()
    const each = buffersOf(indices[0]!).length
    const most = Math.floor(this.#device.limits.maxStorageBuffersPerShaderStage / each)
    for (let first = 0; first < indices.length; first += most) {
      const some = indices.slice(first, first + most)
      const pipeline = this.#pipeline(accumulationText(some.length, each === 2, divisor))
      const groups = some.map((index) => elementGroups(this.#plan.parameters[index]!.size))
      pass.setPipeline(pipeline)
      pass.setBindGroup(0, this.#bind(pipeline, some.flatMap(buffersOf)))
      pass.dispatchWorkgroups(Math.max(...groups), some.length)
    }
    pass.end()
  }

  #pipeline(code: string): GpuPipeline {
    return pipelineOf(this.#device, { code })
  }

  #bind(pipeline: GpuPipeline, buffers: readonly GpuBuffer[]): object {
    const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }))
    return this.#device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries })
  }
}
