import { bufferUsage, type GpuBuffer, type GpuDevice } from '../engines/webgpu/device.js'
import type { KeptState } from '../engines/webgpu/keptState.js'
import { readBack } from '../engines/webgpu/readBack.js'
import type { GpuStep } from '../engines/webgpu/step.js'
import { evaluationWeights } from '../engines/reference/evaluation.js'
import { optionError, show } from '../errors.js'
import type { StepPlan } from '../step/plan.js'

/** Parameters that hold their averages. */
export interface Exchanged {
  /** Puts their own values back. */
  restore(): void
}

/**
 * Puts averages in the place of parameters. The host computes them, because that happens once in many steps.
 *
 * @param buffers by parameter; `undefined` for one without elements
 * @throws ERR_OPTION for a buffer whose usage allows no copies; ERR_DISPOSED if the device is lost
 */
export async function exchangeWeights(
  device: GpuDevice,
  plan: StepPlan,
  step: GpuStep,
  buffers: readonly (GpuBuffer | undefined)[],
): Promise<Exchanged> {
  const indices = [...buffers.keys()].filter(
    (index) => buffers[index] !== undefined && plan.parameters[index]!.evaluation !== undefined,
  )
  for (const index of indices) checkCopies(plan.parameters[index]!.name, buffers[index]!)
  const slots = indices.map((index) => [...step.slots(index)])
  const ranges = indices.flatMap((index, i) => [
    { buffer: buffers[index]!, offset: 0, size: 4 * plan.parameters[index]!.size },
    ...slots[i]!.map(([, { buffer, offset, length }]) => ({ buffer, offset: 4 * offset, size: 4 * length })),
  ])
  const [kept, arrays] = await Promise.all([step.read(), readBack(device, ranges)])
  const { queue } = device
  const encoder = device.createCommandEncoder()
  const backups: { readonly from: GpuBuffer; readonly to: GpuBuffer; readonly size: number }[] = []
  const weights: { readonly buffer: GpuBuffer; readonly values: Float32Array<ArrayBuffer> }[] = []
  let place = 0
  indices.forEach((index, i) => {
    const parameter = new Float32Array(arrays[place++]!)
    const own = slots[i]!.map(([name]) => [name, new Float32Array(arrays[place++]!)] as const)
    const values = weightsOf(plan, index, step, kept, { parameter, slots: own })
    if (values === undefined) return
    const size = parameter.byteLength
    const to = device.createBuffer({ size, usage: bufferUsage.copySource | bufferUsage.copyTarget })
    encoder.copyBufferToBuffer(buffers[index]!, 0, to, 0, size)
    backups.push({ from: buffers[index]!, to, size })
    weights.push({ buffer: buffers[index]!, values })
  })
  queue.submit([encoder.finish()])
  for (const { buffer, values } of weights) queue.writeBuffer(buffer, 0, values)
  return {
    restore() {
      const back = device.createCommandEncoder()
      for (const { from, to, size } of backups) back.copyBufferToBuffer(to, 0, from, 0, size)
      queue.submit([back.finish()])
      for (const { to } of backups) to.destroy()
    },
  }
}

function weightsOf(
  plan: StepPlan,
  index: number,
  step: GpuStep,
  kept: KeptState,
  given: { readonly parameter: Float32Array; readonly slots: (readonly [string, Float32Array])[] },
): Float32Array<ArrayBuffer> | undefined {
  const scalars = step
    .scalarSlots(index)
    .map((name, i) => [name, Float32Array.of(kept.scalars[index]![i]!)] as const)
  return evaluationWeights(plan, index, {
    parameter: given.parameter,
    slots: Object.fromEntries([...given.slots, ...scalars]),
    steps: kept.state.steps[index]!,
    step: kept.step,
  }) as Float32Array<ArrayBuffer> | undefined
}

function checkCopies(name: string, { usage }: GpuBuffer): void {
  const { copySource, copyTarget } = bufferUsage
  if ((usage & copySource) !== 0 && (usage & copyTarget) !== 0) return
  throw optionError(
    `the buffer of parameter ${show(name)} must have COPY_SRC and COPY_DST in its usage, so that it can hold its average and be ` +
      'restored; create it with both',
  )
}
