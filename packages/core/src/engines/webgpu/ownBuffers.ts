import type { GpuBuffer, GpuDevice } from './device.js'

/** The buffers that an optimiser has created, and frees. */
export class OwnBuffers {
  readonly #device: GpuDevice
  readonly #buffers = new Set<GpuBuffer>()

  constructor(device: GpuDevice) {
    this.#device = device
  }

  /** @param size in bytes */
  create(size: number, usage: number): GpuBuffer {
    const buffer = this.#device.createBuffer({ size, usage })
    this.#buffers.add(buffer)
    return buffer
  }

  free(buffer: GpuBuffer): void {
    buffer.destroy()
    this.#buffers.delete(buffer)
  }

  freeAll(): void {
    for (const buffer of this.#buffers) buffer.destroy()
    this.#buffers.clear()
  }
}
