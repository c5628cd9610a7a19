import type { GpuBuffer, GpuDevice } from '@induced-metric/core'
import { bufferUsage, checkDeviceAlive, unsupported, watchDevice } from '@induced-metric/core/adapter'
import { codedAs } from '@induced-metric/onnx/adapter'
import type { Ort } from '@induced-metric/onnx'
import { checkKernels } from './kernelCheck.js'
import type { WebGpuOrt } from './options.js'

/** The runtime with a device, and what was found about both. */
export interface GpuRuntime {
  readonly ort: WebGpuOrt
  /** The same build of the runtime with its provider for the CPU. */
  readonly cpu: Ort
  readonly device: GpuDevice
  /** The same device, if the runtime did not open it itself. */
  readonly given: GpuDevice | undefined
  /** Whether kernels hand NaN on. */
  readonly keepsNaN: boolean
  /** Runs calls of the runtime one at a time: its WebAssembly waits in the middle of them, and is not reentrant. */
  readonly exclusively: <T>(body: () => Promise<T>) => Promise<T>
}

/** The runtimes that were opened, by the device that they were given, or by themselves. */
const opened = new WeakMap<object, WeakMap<object, Promise<GpuRuntime>>>()
const locks = new WeakMap<object, GpuRuntime['exclusively']>()

/**
 * Opens a device in the runtime, and checks its kernels once.
 *
 * @param device the device to use, if not one that the runtime opens
 * @throws ERR_NOT_SUPPORTED where there is no WebGPU, or where kernels compute wrongly; ERR_DISPOSED for a device that was lost
 */
export async function openRuntime(ort: WebGpuOrt, device: GpuDevice | undefined): Promise<GpuRuntime> {
  let ofOrt = opened.get(ort)
  if (!ofOrt) opened.set(ort, (ofOrt = new WeakMap()))
  const key = device ?? ort
  let runtime = ofOrt.get(key)
  if (runtime === undefined) {
    ofOrt.set(key, (runtime = open(ort, device)))
    // A page may try again, for example with another device.
    runtime.catch(() => ofOrt.delete(key))
  }
  const found = await runtime
  checkDeviceAlive(found.device)
  return found
}

async function open(ort: WebGpuOrt, given: GpuDevice | undefined): Promise<GpuRuntime> {
  const { navigator } = globalThis as { navigator?: { gpu?: object } }
  if (navigator?.gpu === undefined) {
    throw unsupported(
      'there is no WebGPU here: it needs a browser that has it, and a page served by https or from this machine. ' +
        'TrainingSession trains on the CPU, with the same artifacts and checkpoints',
    )
  }
  const cpu = onCpu(ort)
  let exclusively = locks.get(ort)
  if (!exclusively) locks.set(ort, (exclusively = createLock()))
  const keepsNaN = await exclusively(() => checkKernels(ort, cpu, given))
  const own = async (): Promise<GpuDevice> =>
    (await (ort.env.webgpu as { device: unknown }).device) as GpuDevice
  const device = given ?? (await codedAs('ERR_NOT_SUPPORTED', 'the runtime has no WebGPU device', own))
  watchDevice(device)
  return { ort, cpu, device, given, keepsNaN, exclusively }
}

/** A build of the runtime with only its provider for the CPU. */
function onCpu(ort: WebGpuOrt): Ort {
  const create: Ort['InferenceSession']['create'] = (model, options) =>
    ort.InferenceSession.create(model, { ...options, executionProviders: ['wasm'] })
  return { Tensor: ort.Tensor, InferenceSession: { create } }
}

function createLock(): GpuRuntime['exclusively'] {
  let pending: Promise<unknown> = Promise.resolve()
  return (body) => {
    const result = pending.then(body)
    pending = result.catch(() => undefined)
    return result
  }
}

/** The size of a buffer for so many bytes: kernels read four numbers at once. */
function bufferSize(bytes: number): number {
  return Math.max(16, Math.ceil(bytes / 16) * 16)
}

/** Buffers of a session, all of which can be bound, copied and read. */
export class SessionBuffers {
  readonly #device: GpuDevice
  readonly #buffers = new Set<GpuBuffer>()

  constructor(device: GpuDevice) {
    this.#device = device
  }

  /** A buffer of zeros. */
  create(bytes: number, usage = 0): GpuBuffer {
    const { storage, copySource, copyTarget } = bufferUsage
    const buffer = this.#device.createBuffer({
      size: bufferSize(bytes),
      usage: usage === 0 ? storage | copySource | copyTarget : usage,
    })
    this.#buffers.add(buffer)
    return buffer
  }

  /** Writes values from the start of a buffer; a queue takes whole words. */
  write(buffer: GpuBuffer, data: ArrayBufferView): void {
    const rest = data.byteLength % 4
    if (rest === 0) {
      if (data.byteLength > 0) this.#device.queue.writeBuffer(buffer, 0, data)
      return
    }
    const padded = new Uint8Array(data.byteLength + 4 - rest)
    padded.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    this.#device.queue.writeBuffer(buffer, 0, padded)
  }

  release(): void {
    for (const buffer of this.#buffers) buffer.destroy()
    this.#buffers.clear()
  }
}
