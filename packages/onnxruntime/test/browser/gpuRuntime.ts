import type { GpuDevice } from '@induced-metric/core'
import type { WebGpuOrt } from '../../src/index.js'

// The runtime and the device of the page, on which is counted.

const runtime = '/ort/ort.webgpu.min.mjs'
export const ort = (await import(/* @vite-ignore */ runtime)) as WebGpuOrt & {
  env: { wasm: { numThreads: number }; versions: { web: string } }
}
ort.env.wasm.numThreads = 1

/** What the device was asked for. */
export const counts = { living: 0, own: 0, bytes: 0 }

/** INDIRECT, which the runtime's own buffers have in their usage. */
const indirect = 256

/** Counts the buffers that live, the bytes that are mapped for reading, and the work that is submitted. */
function count(device: GpuDevice): void {
  const create = device.createBuffer.bind(device)
  device.createBuffer = (descriptor) => {
    const buffer = create(descriptor)
    const own = (descriptor.usage & indirect) === 0 ? 1 : 0
    counts.living++
    counts.own += own
    let lives = true
    const [destroy, map] = [buffer.destroy.bind(buffer), buffer.mapAsync.bind(buffer)]
    buffer.destroy = () => {
      if (lives) {
        counts.living--
        counts.own -= own
      }
      lives = false
      destroy()
    }
    buffer.mapAsync = (mode) => {
      counts.bytes += buffer.size
      return map(mode)
    }
    return buffer
  }
}

let started: Promise<GpuDevice> | undefined
/** The device of the page, with the adapter's limits of bindings. */
export function start(): Promise<GpuDevice> {
  started ??= (async () => {
    const { gpu } = (globalThis as unknown as { navigator: { gpu: { requestAdapter(): Promise<Adapter> } } })
      .navigator
    const adapter = await gpu.requestAdapter()
    const { maxStorageBuffersPerShaderStage } = adapter.limits
    const device = await adapter.requestDevice({ requiredLimits: { maxStorageBuffersPerShaderStage } })
    count(device)
    return device
  })()
  return started
}

interface Adapter {
  readonly limits: { readonly maxStorageBuffersPerShaderStage: number }
  requestDevice(options: object): Promise<GpuDevice>
}
