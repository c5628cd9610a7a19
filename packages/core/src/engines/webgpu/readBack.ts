import { bufferUsage, mapForReading, type GpuBuffer, type GpuDevice } from './device.js'
import { lostDevice } from './lostDevices.js'

/** A part of a buffer, in bytes. */
export interface Range {
  readonly buffer: GpuBuffer
  readonly offset: number
  readonly size: number
}

/**
 * Reads parts of buffers, as they are after everything that was submitted before, in one transfer.
 *
 * @throws ERR_DISPOSED when the device is lost
 */
export async function readBack(device: GpuDevice, ranges: readonly Range[]): Promise<ArrayBuffer[]> {
  const total = ranges.reduce((sum, { size }) => sum + size, 0)
  if (total === 0) return ranges.map(() => new ArrayBuffer(0))
  const staging = device.createBuffer({ size: total, usage: bufferUsage.mapRead | bufferUsage.copyTarget })
  const encoder = device.createCommandEncoder()
  let end = 0
  for (const { buffer, offset, size } of ranges) {
    if (size > 0) encoder.copyBufferToBuffer(buffer, offset, staging, end, size)
    end += size
  }
  device.queue.submit([encoder.finish()])
  try {
    await staging.mapAsync(mapForReading)
    const all = staging.getMappedRange()
    let start = 0
    return ranges.map(({ size }) => all.slice(start, (start += size)))
  } catch (error) {
    throw lostDevice('', { cause: error })
  } finally {
    staging.destroy()
  }
}
