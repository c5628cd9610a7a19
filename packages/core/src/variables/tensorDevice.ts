import type { GpuBuffer, GpuDevice } from '../engines/webgpu/device.js'

/** A framework's tensors as buffers of a WebGPU device, on which the core's kernels work. */
export interface TensorDevice<T> {
  readonly device: GpuDevice
  /** The buffer of a tensor that has elements, from whose start its values are. It may be filled by commands that are not submitted yet. */
  buffer(tensor: T): GpuBuffer
  /** A new tensor with elements, whose buffer is to be filled. */
  output(shape: readonly number[]): T
  /** Submits the commands that the framework has recorded so far. */
  submit(): void
}
