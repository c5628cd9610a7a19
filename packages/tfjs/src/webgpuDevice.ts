import type { GpuBuffer, GpuDevice, TensorDevice } from '@induced-metric/core/adapter'
import { hasFunctions } from './checks.js'
import type { Tensor, TensorFlow } from './namespace.js'
import { perBackend } from './perBackend.js'

/** The parts of the webgpu backend that are used. All of them are public, and each is looked for before it is relied on. */
interface WebgpuBackend {
  readonly device: GpuDevice
  readonly tensorMap: { get(dataId: object): { readonly resource?: unknown } | undefined }
  /** The commands that are not submitted yet. */
  readonly commandEncoder: object | null
  uploadToGPU(dataId: object): void
  makeTensorInfo(shape: readonly number[], dtype: 'float32'): { readonly dataId: object }
  endComputePassEncoder(): void
  submitQueue(): void
}

/** The device of the current backend; `undefined` where there is none with all that kernels of the core need. */
export const backendDevice = perBackend((tf, candidate) => {
  const backend = candidate as WebgpuBackend
  const isUsable =
    tf.getBackend() === 'webgpu' &&
    hasFunctions(backend, 'uploadToGPU', 'makeTensorInfo', 'endComputePassEncoder', 'submitQueue') &&
    hasFunctions(backend.device, 'createComputePipeline') &&
    hasFunctions(backend.tensorMap, 'get') &&
    'commandEncoder' in backend
  return isUsable ? createDevice(tf, backend) : undefined
})

function createDevice(tf: TensorFlow, backend: WebgpuBackend): TensorDevice<Tensor> {
  return {
    device: backend.device,
    buffer({ dataId }) {
      // Small tensors may still be on the host.
      backend.uploadToGPU(dataId)
      return backend.tensorMap.get(dataId)!.resource as GpuBuffer
    },
    output: (shape) =>
      tf.engine().makeTensorFromTensorInfo(backend.makeTensorInfo([...shape], 'float32') as never),
    submit() {
      if (backend.commandEncoder === null) return
      backend.endComputePassEncoder()
      backend.submitQueue()
    },
  }
}
