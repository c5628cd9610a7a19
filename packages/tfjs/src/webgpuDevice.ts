import type { GpuBuffer, GpuDevice, TensorDevice } from '@induced-metric/core/adapter'
import type { Tensor, TensorFlow } from './namespace.js'

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

const devices = new WeakMap<object, Record<'free' | 'forced', TensorDevice<Tensor>>>()

/** The device of the current backend; `undefined` where there is none with all that kernels of the core need. */
export function backendDevice(tf: TensorFlow, isForced: boolean): TensorDevice<Tensor> | undefined {
  if (tf.getBackend() !== 'webgpu') return undefined
  const backend = tf.backend() as object
  let found = devices.get(backend)
  if (found === undefined) {
    if (!isUsable(backend)) return undefined
    const device = createDevice(tf, backend)
    found = { free: { ...device, isForced: false }, forced: { ...device, isForced: true } }
    devices.set(backend, found)
  }
  return found[isForced ? 'forced' : 'free']
}

function isUsable(backend: object): backend is WebgpuBackend {
  const candidate = backend as Partial<WebgpuBackend>
  return (
    typeof candidate.device?.createComputePipeline === 'function' &&
    typeof candidate.tensorMap?.get === 'function' &&
    'commandEncoder' in candidate &&
    typeof candidate.uploadToGPU === 'function' &&
    typeof candidate.makeTensorInfo === 'function' &&
    typeof candidate.endComputePassEncoder === 'function' &&
    typeof candidate.submitQueue === 'function'
  )
}

function createDevice(tf: TensorFlow, backend: WebgpuBackend): Omit<TensorDevice<Tensor>, 'isForced'> {
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
