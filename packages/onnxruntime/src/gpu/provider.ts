/**
 * Options of a session of the runtime on its WebGPU provider. In the layout NHWC, its default, convolutions of 6 channels to 16
 * are wrong. A node without a kernel is an error and does not go to the CPU.
 */
export function providerOptions({ capture }: { readonly capture: boolean }): object {
  return {
    executionProviders: [{ name: 'webgpu', preferredLayout: 'NCHW' }],
    logSeverityLevel: 3,
    extra: { session: { disable_cpu_ep_fallback: '1' } },
    ...(capture && { enableGraphCapture: true, preferredOutputLocation: 'gpu-buffer' }),
  }
}
