import type { GpuBuffer, GpuDevice } from '@induced-metric/core'

/** What a device was asked for. */
export interface Asked {
  /** Buffers that live, by their sizes in bytes. */
  readonly living: Map<GpuBuffer, number>
  dispatches: number
  passes: number
  submits: number
  /** Bytes that were mapped for reading. */
  read: number
  /** The number of pipelines, and their texts. */
  readonly code: string[]
}

/** A device that computes nothing, and counts what it is asked for. What is read from it is 0. */
export function createFakeDevice(limits: Partial<GpuDevice['limits']> = {}): GpuDevice & { asked: Asked } {
  const asked: Asked = { living: new Map(), dispatches: 0, passes: 0, submits: 0, read: 0, code: [] }
  const pass: ReturnType<ReturnType<GpuDevice['createCommandEncoder']>['beginComputePass']> = {
    setPipeline: () => undefined,
    setBindGroup: () => undefined,
    dispatchWorkgroups: () => void asked.dispatches++,
    end: () => undefined,
  }
  return {
    asked,
    limits: {
      maxStorageBuffersPerShaderStage: 8,
      maxStorageBufferBindingSize: 2 ** 27,
      maxBufferSize: 2 ** 28,
      ...limits,
    },
    queue: { submit: () => void asked.submits++, writeBuffer: () => undefined },
    lost: new Promise(() => undefined),
    createBuffer({ size, usage }) {
      const buffer: GpuBuffer = {
        size,
        usage,
        mapAsync: () => Promise.resolve(),
        getMappedRange() {
          asked.read += size
          return new ArrayBuffer(size)
        },
        unmap: () => undefined,
        destroy: () => void asked.living.delete(buffer),
      }
      asked.living.set(buffer, size)
      return buffer
    },
    createShaderModule({ code }) {
      asked.code.push(code)
      return {}
    },
    createComputePipeline: () => ({ getBindGroupLayout: () => ({}) }),
    createBindGroup: () => ({}),
    createCommandEncoder: () => ({
      beginComputePass() {
        asked.passes++
        return pass
      },
      copyBufferToBuffer: () => undefined,
      clearBuffer: () => undefined,
      finish: () => ({}),
    }),
  }
}
