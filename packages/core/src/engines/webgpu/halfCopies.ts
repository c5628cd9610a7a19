import { halfText } from './codegen/halfText.js'
import { elementGroups } from './codegen/words.js'
import { bufferUsage, type GpuBuffer, type GpuDevice, type GpuPass } from './device.js'
import type { OwnBuffers } from './ownBuffers.js'
import { pipelineOf } from './pipelines.js'

/** A tensor in single precision, and its copy in half precision. */
export interface HalfCopy {
  readonly full: GpuBuffer
  readonly half: GpuBuffer
  /** The number of elements. */
  readonly size: number
}

/** The most tensors of a dispatch: their sizes are one vector. */
const most = 4

/** Prepares the kernels that bring copies in half precision up to date. */
export function createHalfCopies(
  device: GpuDevice,
  copies: readonly HalfCopy[],
  own: OwnBuffers,
): (pass: GpuPass) => void {
  const count = Math.min(most, Math.floor(device.limits.maxStorageBuffersPerShaderStage / 2))
  const dispatches: ((pass: GpuPass) => void)[] = []
  for (let first = 0; first < copies.length; first += count) {
    const some = copies.slice(first, first + count)
    const pipeline = pipelineOf(device, { code: halfText(some.length) })
    const sizes = own.create(16, bufferUsage.uniform | bufferUsage.copyTarget)
    device.queue.writeBuffer(
      sizes,
      0,
      Uint32Array.from({ length: most }, (_, i) => some[i]?.size ?? 0),
    )
    const buffers = [...some.flatMap(({ full, half }) => [full, half]), sizes]
    const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }))
    const group = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries })
    const groups = Math.max(...some.map(({ size }) => elementGroups(size)))
    dispatches.push((pass) => {
      pass.setPipeline(pipeline)
      pass.setBindGroup(0, group)
      pass.dispatchWorkgroups(groups, some.length)
    })
  }
  return (pass) => dispatches.forEach((dispatch) => dispatch(pass))
}
