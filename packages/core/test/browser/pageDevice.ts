import type { GpuDevice } from '@induced-metric/core'

interface Gpu {
  requestAdapter(): Promise<{ requestDevice(): Promise<GpuDevice> } | null>
}

/** STORAGE | COPY_DST | COPY_SRC */
export const usage = 128 | 8 | 4

/** Requests a device in a page. */
export async function requestDevice(): Promise<GpuDevice> {
  const { gpu } = (globalThis as unknown as { navigator: { gpu: Gpu } }).navigator
  const adapter = await gpu.requestAdapter()
  if (adapter === null) throw new Error('this browser has no WebGPU adapter')
  return adapter.requestDevice()
}
