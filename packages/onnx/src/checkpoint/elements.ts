import { coded } from '../errors.js'
import { elementTypeOf } from '../proto/dataType.js'
import type { TensorData } from '../proto/tensorData.js'
import { checkpointError, show } from '@induced-metric/core/adapter'

type ElementType = ReturnType<typeof elementTypeOf>

/**
 * The layout of an ONNX element type.
 *
 * @throws ERR_CHECKPOINT for a type that no parameter has
 */
export function elementType(dataType: number, tensor: string): ElementType {
  return asCheckpointError(tensor, () => elementTypeOf(dataType))
}

/** Reads a tensor of a checkpoint; an error of the tensor becomes one of the checkpoint. */
export function asCheckpointError<T>(tensor: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw coded('ERR_CHECKPOINT', `tensor ${show(tensor)}`, error)
  }
}

/**
 * Reads the dimensions of a tensor from a file, and the number of elements.
 *
 * @throws ERR_CHECKPOINT if one is negative or their product is too large
 */
export function checkDims(given: readonly bigint[], tensor: string): { dims: number[]; size: number } {
  const dims = given.map(Number)
  const size = dims.reduce((product, dim) => product * dim, 1)
  if (dims.every((dim) => Number.isSafeInteger(dim) && dim >= 0) && Number.isSafeInteger(size)) {
    return { dims, size }
  }
  const text = given.length > 16 ? `${given.length} dimensions` : `[${given.join(', ')}]`
  throw checkpointError(`tensor ${show(tensor)} has impossible dimensions: ${text}`)
}

/** Copies elements out of the bytes of a file, which need not be aligned. */
export function fromBytes(bytes: Uint8Array, { array: TypedArray }: ElementType): TensorData {
  // Not bytes.slice(): for a Node Buffer it makes no copy.
  return new TypedArray(new Uint8Array(bytes).buffer)
}

/** The bytes of elements as a file stores them; a view. */
export function toBytes(data: TensorData): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
}
