import { fromBinary } from '@bufbuild/protobuf'
import { TensorProtoSchema, type TensorProto } from '../proto/onnx_pb.js'
import { readTensor } from '../proto/tensor.js'
import type { NamedTensor, TensorData } from '../proto/tensorData.js'
import type { Property } from './state.js'
import { coded } from '../errors.js'
import { checkpointError, show } from '@induced-metric/core/adapter'
import { asCheckpointError } from './elements.js'

// The old form of a checkpoint, as ONNX Runtime 1.13 and 1.14 wrote it: one file of protobuf messages per kind of
// content. It starts with a count; then each message follows its length. Count and lengths are varints.

/**
 * Reads the tensors of a `.pbseq` file.
 *
 * @throws ERR_CHECKPOINT if it is another kind of file, truncated or altered
 */
export function readSequence(bytes: Uint8Array): NamedTensor[] {
  return readMessages(bytes).map(toTensor)
}

/**
 * Reads a `.pbseq` file of properties: tensors of one float, int64 or string.
 *
 * @throws ERR_CHECKPOINT if it is another kind of file, truncated or altered
 */
export function readPropertySequence(bytes: Uint8Array): Map<string, Property> {
  const properties = new Map<string, Property>()
  for (const message of readMessages(bytes)) {
    const { name } = message
    if (properties.has(name)) throw checkpointError(`the checkpoint has two properties named ${show(name)}`)
    properties.set(name, toProperty(message))
  }
  return properties
}

function readMessages(bytes: Uint8Array): TensorProto[] {
  let at = 0
  function varint(): number {
    let value = 0
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++]
      if (byte === undefined || scale > 2 ** 28) {
        throw checkpointError('these bytes are not a checkpoint: neither ODTC nor a sequence of tensors')
      }
      value += (byte & 127) * scale
      if (byte < 128) return value
    }
  }
  const count = varint()
  const messages: TensorProto[] = []
  for (let index = 0; index < count; index++) {
    const length = varint()
    if (at + length > bytes.length) {
      throw checkpointError(
        `the checkpoint is truncated, or not one: tensor ${index + 1} of ${count} has ${length} bytes, ${bytes.length - at} are left`,
      )
    }
    messages.push(decode(bytes.subarray(at, at + length), index))
    at += length
  }
  if (at === bytes.length) return messages
  throw checkpointError(
    `the checkpoint is altered, or not one: ${bytes.length - at} bytes after the last of ${count} tensors`,
  )
}

function decode(bytes: Uint8Array, index: number): TensorProto {
  let message: TensorProto
  try {
    // Not as a Node Buffer, whose slices would be views.
    const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
    message = fromBinary(TensorProtoSchema, plain)
  } catch (error) {
    throw coded('ERR_CHECKPOINT', `tensor ${index + 1} of the checkpoint is altered`, error)
  }
  if (message.name === '') throw checkpointError(`tensor ${index + 1} of the checkpoint has no name`)
  return message
}

function toTensor(message: TensorProto): NamedTensor {
  const { name } = message
  if (message.externalData.length > 0) {
    throw checkpointError(
      `tensor ${show(name)} is stored in another file, which this form of checkpoint does not support`,
    )
  }
  return asCheckpointError(name, () => readTensor(message))
}

function toProperty(message: TensorProto): Property {
  const { name, dataType } = message
  const value: Property | undefined =
    dataType === 8 ? decodeText(message.stringData[0]) : single(toTensor(message).data)
  if (value !== undefined) return value
  throw checkpointError(`the property ${show(name)} is not a single float, int64 or string`)
}

function decodeText(bytes: Uint8Array | undefined): string | undefined {
  return bytes && new TextDecoder().decode(bytes)
}

function single(data: TensorData): Property | undefined {
  return data.length === 1 ? data[0] : undefined
}
