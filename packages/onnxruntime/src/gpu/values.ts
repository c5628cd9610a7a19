import type { GpuBuffer, GpuDevice } from '@induced-metric/core'
import { optionError, readBack } from '@induced-metric/core/adapter'
import type { OrtTensor, TensorData } from '@induced-metric/onnx'
import { createOrtTensor } from '../ort/ort.js'
import { bytesIn, valuesOf, type DeviceTensor } from './deviceModel.js'
import type { WebGpuOrt } from './options.js'

/** An output that stays on the device, as the runtime's tensors there do. It changes with the next step of the same extents. */
export interface GpuValue extends OrtTensor {
  readonly location: 'gpu-buffer'
  /** Its values from the start, row by row. It belongs to the session. */
  readonly gpuBuffer: GpuBuffer
  /** Reads it as it is after the calls so far. */
  getData(): Promise<TensorData>
}

/** A value that can be read. */
export function gpuValue(device: GpuDevice, name: string, tensor: DeviceTensor): GpuValue {
  const { type, dims, buffer, isNarrowed } = tensor
  return {
    type: isNarrowed ? 'int64' : type,
    dims,
    location: 'gpu-buffer',
    gpuBuffer: buffer,
    get data(): never {
      throw optionError(
        `the output ${JSON.stringify(name)} is on the device: await its getData(), or name it in the fetches of the step`,
      )
    },
    async getData() {
      const [bytes] = await readBack(device, [{ buffer, offset: 0, size: bytesIn(tensor) }])
      return valuesOf(tensor, bytes!)
    },
  }
}

/** Reads values in one transfer, as tensors of the runtime. */
export async function readValues(
  ort: WebGpuOrt,
  device: GpuDevice,
  values: readonly (readonly [name: string, tensor: DeviceTensor])[],
): Promise<Record<string, OrtTensor>> {
  const ranges = values.map(([, tensor]) => ({ buffer: tensor.buffer, offset: 0, size: bytesIn(tensor) }))
  const arrays = await readBack(device, ranges)
  const read = values.map(([name, tensor], i) => {
    const type = tensor.isNarrowed ? 'int64' : tensor.type
    return [name, createOrtTensor(ort, type, valuesOf(tensor, arrays[i]!), tensor.dims)] as const
  })
  return Object.fromEntries(read)
}
