import { coded } from '../errors.js'
import { elementTypeOf } from '../proto/dataType.js'
import type { TensorData } from '../proto/tensorData.js'
import { broken, quote } from './broken.js'

type ElementType = ReturnType<typeof elementTypeOf>

/**
 * How an element type of ONNX is held.
 *
 * @throws ERR_CHECKPOINT for a type that no parameter has
 */
export function elementType(dataType: number, tensor: string): ElementType {
  return asCheckpointError(tensor, () => elementTypeOf(dataType))
}

/** Does something with a tensor of a checkpoint; what is wrong with the tensor is wrong with the checkpoint. */
export function asCheckpointError<T>(tensor: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw coded('ERR_CHECKPOINT', `tensor ${quote(tensor)}`, error)
  }
}

/**
 * The dimensions of a tensor from a file, and the number of elements they make.
 *
 * @throws ERR_CHECKPOINT when one is negative or they make more than can be counted
 */
export function checkDims(given: readonly bigint[], tensor: string): { dims: number[]; size: number } {
  const dims = given.map(Number)
  const size = dims.reduce((product, dim) => product * dim, 1)
  if (dims.every((dim) => Number.isSafeInteger(dim) && dim >= 0) && Number.isSafeInteger(size)) {
    return { dims, size }
  }
  const text = given.length > 16 ? `${given.length} dimensions` : `[${given.join(', ')}]`
  throw broken(`tensor ${quote(tensor)} has impossible dimensions: ${text}`)
}

/** Elements from the bytes of a file, which need not be aligned; copied. */
export function fromBytes(bytes: Uint8Array, { array: TypedArray }: ElementType): TensorData {
  // Not bytes.slice(): that of a Node Buffer is no copy.
  return new TypedArray(new Uint8Array(bytes).buffer)
}

/** The bytes of elements as a file holds them; a view. */
export function toBytes(data: TensorData): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
}
