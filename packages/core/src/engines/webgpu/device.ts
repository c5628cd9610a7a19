/**
 * WebGPU's objects, declared by shape: the core's declarations depend on no platform's library. A `GPUDevice` is a
 * {@link GpuDevice}, and a `GPUBuffer` a {@link GpuBuffer}.
 */
export interface GpuBuffer {
  /** In bytes. */
  readonly size: number
  readonly usage: number
  mapAsync(mode: number): Promise<unknown>
  getMappedRange(): ArrayBuffer
  unmap(): void
  destroy(): void
}

/** A compute pipeline. */
export interface GpuPipeline {
  getBindGroupLayout(index: number): object
}

/** A compute pass. */
export interface GpuPass {
  setPipeline(pipeline: GpuPipeline): void
  setBindGroup(index: number, group: object | null | undefined): void
  dispatchWorkgroups(x: number, y?: number, z?: number): void
  end(): void
}

/** A recorder of commands. */
export interface GpuEncoder {
  beginComputePass(): GpuPass
  copyBufferToBuffer(
    source: GpuBuffer,
    sourceOffset: number,
    destination: GpuBuffer,
    destinationOffset: number,
    size: number,
  ): void
  clearBuffer(buffer: GpuBuffer, offset?: number, size?: number): void
  finish(): object
}

/** The queue of a device. */
export interface GpuQueue {
  submit(commands: Iterable<object>): void
  writeBuffer(
    buffer: GpuBuffer,
    offset: number,
    data: ArrayBufferView,
    dataOffset?: number,
    size?: number,
  ): void
}

/** The limits of a device that a step depends on. */
export interface GpuLimits {
  readonly maxStorageBuffersPerShaderStage: number
  readonly maxStorageBufferBindingSize: number
  readonly maxBufferSize: number
}

/** A `GPUDevice`. */
export interface GpuDevice {
  readonly limits: GpuLimits
  readonly queue: GpuQueue
  readonly lost: Promise<{ readonly reason?: string | undefined; readonly message: string }>
  createBuffer(descriptor: { size: number; usage: number; label?: string }): GpuBuffer
  createShaderModule(descriptor: { code: string; label?: string }): object
  createComputePipeline(descriptor: {
    label?: string
    layout: object | 'auto'
    compute: { module: object; entryPoint?: string }
  }): GpuPipeline
  createBindGroup(descriptor: {
    layout: object
    entries: Iterable<{ binding: number; resource: object }>
  }): object
  createCommandEncoder(): GpuEncoder
}

/** `GPUBufferUsage` and `GPUMapMode`, which are globals of pages. */
export const bufferUsage = { mapRead: 1, copySource: 4, copyTarget: 8, uniform: 64, storage: 128 } as const
export const mapForReading = 1
