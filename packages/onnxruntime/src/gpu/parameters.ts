import type { GpuBuffer } from '@induced-metric/core'
import { readBack, unsupported } from '@induced-metric/core/adapter'
import type { BufferUpdate, LoweredTrainingModel, NamedTensor } from '@induced-metric/onnx'
import { dataType, elementTypeOf } from '@induced-metric/onnx/proto'
import type { SessionParameters } from '../session/parameters.js'
import { narrowed } from './deviceModel.js'
import type { GpuRuntime, SessionBuffers } from './device.js'

/** A parameter of a session on the device. */
export interface DeviceParameter extends Omit<NamedTensor, 'data'> {
  /** The values on the host: those that it was created with, unless others were set. */
  data: NamedTensor['data']
  readonly trainable: boolean
  /** Its values; `undefined` for one that no model reads. */
  readonly buffer: GpuBuffer | undefined
  /** Whether training changes it, so that the values of the checkpoint are not its own any more. */
  readonly moves: boolean
}

/**
 * Puts parameters into buffers.
 *
 * @param read the names of the inputs that models read
 * @throws ERR_NOT_SUPPORTED for parameters to train in double precision, which WebGPU does not have
 */
export function createDeviceParameters(
  buffers: SessionBuffers,
  { trainable, frozen }: SessionParameters,
  lowered: Pick<LoweredTrainingModel, 'gradients'> & { readonly buffers: readonly BufferUpdate[] },
  read: ReadonlySet<string>,
): readonly DeviceParameter[] {
  const statistics = new Set(lowered.buffers.map(({ parameter }) => parameter))
  const upload = ({ name, data, dataType: type }: NamedTensor): GpuBuffer => {
    const values = type === dataType.int64 ? narrowed('createGpuSession', name, data) : data
    const buffer = buffers.create(values.byteLength)
    buffers.write(buffer, values)
    return buffer
  }
  const trained = trainable.map(({ name, shape, data }, index): DeviceParameter => {
    const type = lowered.gradients[index]!.dataType
    if (type !== dataType.float) {
      throw unsupported(
        `parameter ${JSON.stringify(name)} is of ${elementTypeOf(type).name}: WebGPU trains in float32. TrainingSession trains the others`,
      )
    }
    const tensor = { name, dims: shape, dataType: type, data: data as Float32Array<ArrayBuffer> }
    return { ...tensor, trainable: true, moves: true, buffer: upload(tensor) }
  })
  const others = frozen.map((tensor): DeviceParameter => {
    const { name, dims, dataType: type, data } = tensor
    const buffer = read.has(name) ? upload(tensor) : undefined
    return { name, dims, dataType: type, data, trainable: false, moves: statistics.has(name), buffer }
  })
  return [...trained, ...others]
}

/** Reads the values of parameters, those that training changes from the device, in one transfer. */
export async function readParameters(
  { device }: GpuRuntime,
  parameters: readonly DeviceParameter[],
): Promise<(NamedTensor & { readonly trainable: boolean })[]> {
  const moving = parameters.filter(({ moves, buffer }) => moves && buffer !== undefined)
  const arrays = await readBack(
    device,
    moving.map(({ buffer, data }) => ({ buffer: buffer!, offset: 0, size: data.byteLength })),
  )
  const values = new Map(moving.map(({ name }, i) => [name, new Float32Array(arrays[i]!)]))
  return parameters.map(({ name, dims, dataType: type, data, trainable }) => ({
    name,
    dims,
    dataType: type,
    data: values.get(name) ?? data,
    trainable,
  }))
}
