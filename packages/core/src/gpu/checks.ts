import { bufferUsage, type GpuBuffer, type GpuDevice } from '../engines/webgpu/device.js'
import { isList, optionError, shapeError, show } from '../errors.js'
import { checkGradientCount, checkLoss } from '../step/checks.js'
import type { StepPlan } from '../step/plan.js'
import { checkKeys } from '../validation/keys.js'
import type { GpuParameter } from './types.js'

/** Throws ERR_OPTION unless a value is a device. */
export function checkDevice(device: unknown): asserts device is GpuDevice {
  const { createBuffer, queue, limits } = (device ?? {}) as Partial<GpuDevice>
  if (typeof createBuffer === 'function' && typeof queue === 'object' && typeof limits === 'object') return
  throw optionError(`device must be a GPUDevice, given ${show(device)}`)
}

/** Throws ERR_OPTION unless parameters are given as an array. */
export function checkList(parameters: unknown): void {
  if (!isList(parameters)) throw optionError(`parameters must be an array, given ${show(parameters)}`)
}

/** Throws ERR_OPTION or ERR_SHAPE unless each parameter has a buffer of its own that holds it. */
export function checkBuffers({ parameters }: StepPlan, given: readonly GpuParameter[]): void {
  const owners = new Map<GpuBuffer, string>()
  const own = (name: string, buffer: GpuBuffer): void => {
    const other = owners.get(buffer)
    if (other !== undefined) {
      throw shapeError(
        `parameters ${show(other)} and ${show(name)} share a buffer; give weights that are tied once, with the sum of their gradients`,
      )
    }
    owners.set(buffer, name)
  }
  given.forEach(({ name, buffer, half }, index) => {
    const { size } = parameters[index]!
    checkBuffer(`the buffer of parameter ${show(name)}`, buffer, size)
    if (half !== undefined)
      checkBuffer(`the half-precision buffer of parameter ${show(name)}`, half, Math.ceil(size / 2))
    if (size === 0) return
    own(name, buffer)
    if (half !== undefined) own(name, half)
  })
}

function checkBuffer(what: string, buffer: unknown, count: number): void {
  if (!isBuffer(buffer)) throw optionError(`${what} must be a GPUBuffer, given ${show(buffer)}`)
  if (count === 0) return
  if ((buffer.usage & bufferUsage.storage) === 0)
    throw optionError(`${what} must have STORAGE in its usage; create it with GPUBufferUsage.STORAGE`)
  if (buffer.size >= 4 * count) return
  throw shapeError(`${what} must have ${4 * count} bytes, given one of ${buffer.size}`)
}

/** Whether a value is a buffer of a device. */
function isBuffer(value: unknown): value is GpuBuffer {
  const { size, usage, mapAsync } = (value ?? {}) as Partial<GpuBuffer>
  return typeof size === 'number' && typeof usage === 'number' && typeof mapAsync === 'function'
}

/** Throws ERR_SHAPE or ERR_OPTION unless each gradient is null or a buffer that holds it. */
export function checkGradients(
  { parameters }: StepPlan,
  gradients: readonly (GpuBuffer | null)[],
  own: ReadonlySet<GpuBuffer | undefined>,
): void {
  checkGradientCount(gradients, parameters.length)
  // Over the parameters: a loop over the gradients would skip holes.
  for (let index = 0; index < parameters.length; index++) {
    const gradient: unknown = gradients[index]
    if (gradient === null) continue
    const { name, size } = parameters[index]!
    checkBuffer(`the gradient of parameter ${show(name)}`, gradient, size)
    if (size > 0 && own.has(gradient as GpuBuffer))
      throw shapeError(
        `the gradient of parameter ${show(name)} is the buffer of a parameter; give it one of its own`,
      )
  }
}

/**
 * The loss among the options of a step; `undefined` if there is none.
 *
 * @throws ERR_OPTION for any other option, and for a loss that is none; ERR_LOSS_REQUIRED
 */
export function lossOf(
  plan: StepPlan,
  options: { readonly loss?: number | GpuBuffer },
): number | GpuBuffer | undefined {
  const { loss } = options
  if (!isBuffer(loss)) return checkLoss(plan, options as { readonly loss?: number })
  checkKeys('step', options, ['loss'])
  if (loss.size < 4) throw shapeError(`the buffer of the loss must have 4 bytes, given one of ${loss.size}`)
  if ((loss.usage & bufferUsage.copySource) === 0)
    throw optionError(
      'the buffer of the loss must have COPY_SRC in its usage; create it with GPUBufferUsage.COPY_SRC',
    )
  return loss
}
