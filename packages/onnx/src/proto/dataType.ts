import { unsupported } from '@induced-metric/core/adapter'
import type { TensorData } from './tensorData.js'

/** The element types of ONNX tensors: `TensorProto.DataType`. */
export const dataType = {
  undefined: 0,
  float: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  double: 11,
  uint32: 12,
  uint64: 13,
  bfloat16: 16,
  uint4: 21,
  int4: 22,
} as const

type ArrayConstructor = new (buffer: ArrayBufferLike, offset?: number, length?: number) => TensorData

interface ElementType {
  /** The runtime's name for the type. */
  readonly name: string
  readonly bytes: number
  readonly array: ArrayConstructor
}

const elementTypes: Readonly<Record<number, ElementType>> = {
  [dataType.float]: { name: 'float32', bytes: 4, array: Float32Array },
  [dataType.uint8]: { name: 'uint8', bytes: 1, array: Uint8Array },
  [dataType.int8]: { name: 'int8', bytes: 1, array: Int8Array },
  [dataType.uint16]: { name: 'uint16', bytes: 2, array: Uint16Array },
  [dataType.int16]: { name: 'int16', bytes: 2, array: Int16Array },
  [dataType.int32]: { name: 'int32', bytes: 4, array: Int32Array },
  [dataType.int64]: { name: 'int64', bytes: 8, array: BigInt64Array },
  [dataType.bool]: { name: 'bool', bytes: 1, array: Uint8Array },
  [dataType.float16]: { name: 'float16', bytes: 2, array: Uint16Array },
  [dataType.double]: { name: 'float64', bytes: 8, array: Float64Array },
  [dataType.uint32]: { name: 'uint32', bytes: 4, array: Uint32Array },
  [dataType.uint64]: { name: 'uint64', bytes: 8, array: BigUint64Array },
  [dataType.bfloat16]: { name: 'bfloat16', bytes: 2, array: Uint16Array },
}

/**
 * Returns the layout of an element type.
 *
 * @throws ERR_NOT_SUPPORTED for strings, complex numbers and types smaller than a byte
 */
export function elementTypeOf(type: number): ElementType {
  const found = elementTypes[type]
  if (found) return found
  throw unsupported(
    `tensors of ONNX element type ${type} are not supported; supported are ${Object.values(elementTypes)
      .map(({ name }) => name)
      .join(', ')}`,
  )
}

/**
 * The number of bytes that elements take in a file: two numbers of four bits share one.
 *
 * @throws ERR_NOT_SUPPORTED for strings, complex numbers and other types smaller than a byte
 */
export function bytesOf(type: number, size: number): number {
  const isHalfByte = type === dataType.uint4 || type === dataType.int4
  return isHalfByte ? Math.ceil(size / 2) : size * elementTypeOf(type).bytes
}

/** Finds the ONNX element type by the runtime's name for it, or returns `undefined`. */
export function dataTypeOf(name: string): number | undefined {
  const found = Object.entries(elementTypes).find(([, element]) => element.name === name)
  return found && Number(found[0])
}
