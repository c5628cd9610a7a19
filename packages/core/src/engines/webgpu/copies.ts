import type { Place } from './batches.js'
import type { GpuDevice } from './device.js'

/** A copy of numbers from one place to another of the same length. */
export interface PlaceCopy {
  readonly from: Place
  readonly to: Place
}

/** Submits copies. */
export function copyPlaces(device: GpuDevice, copies: readonly PlaceCopy[]): void {
  if (copies.length === 0) return
  const encoder = device.createCommandEncoder()
  for (const { from, to } of copies)
    encoder.copyBufferToBuffer(from.buffer, 4 * from.offset, to.buffer, 4 * to.offset, 4 * to.length)
  device.queue.submit([encoder.finish()])
}
