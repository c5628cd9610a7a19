import { InducedMetricError } from '../../errors.js'
import type { GpuDevice } from './device.js'

/** By device, why it was lost. One callback for each: one for each optimiser would keep all of them alive. */
const losses = new WeakMap<GpuDevice, { message?: string }>()

/** Begins to watch a device. */
export function watchDevice(device: GpuDevice): void {
  if (losses.has(device)) return
  const loss: { message?: string } = {}
  losses.set(device, loss)
  device.lost.then(
    ({ message }) => (loss.message = message),
    () => undefined,
  )
}

/** Throws ERR_DISPOSED when a device that is watched was lost. */
export function checkDeviceAlive(device: GpuDevice): void {
  const message = losses.get(device)?.message
  if (message !== undefined) throw lostDevice(message)
}

/** The error of a device that was lost. */
export function lostDevice(reason: string, options?: ErrorOptions): InducedMetricError {
  return new InducedMetricError(
    'ERR_DISPOSED',
    `the GPU device was lost, and with it the state of the optimiser${reason === '' ? '' : ` (${reason})`}: create another on a ` +
      'new device, and load the last checkpoint',
    options,
  )
}
