import type { GpuDevice } from '@induced-metric/core'

/**
 * Options of a session of the runtime on its WebGPU provider. In the layout NHWC, its default, convolutions of 6 channels to 16
 * are wrong. A node without a kernel is an error and does not go to the CPU.
 *
 * @param device one that the runtime did not open itself
 */
export function providerOptions({
  device,
  capture,
}: {
  readonly device: GpuDevice | undefined
  readonly capture: boolean
}): object {
  return {
    executionProviders: [{ name: 'webgpu', preferredLayout: 'NCHW', ...(device && { device }) }],
    logSeverityLevel: 3,
    extra: { session: { disable_cpu_ep_fallback: '1' } },
    ...(capture && { enableGraphCapture: true, preferredOutputLocation: 'gpu-buffer' }),
  }
}
