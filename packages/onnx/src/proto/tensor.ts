import { create } from '@bufbuild/protobuf'
import { optionError, shapeError, show, sizeOf, unsupported } from '@induced-metric/core/adapter'
import { allocated } from '../errors.js'
import type { NamedTensor, TensorData } from './tensorData.js'
import { dataType, elementTypeOf } from './dataType.js'
import { toInt64 } from './int64.js'
import { TensorProtoSchema, type TensorProto } from './onnx_pb.js'

/** Creates a tensor message with its elements in `raw_data`. */
export function createTensor(
  name: string,
  dims: readonly number[],
  type: number,
  data: TensorData,
): TensorProto {
  if (!ArrayBuffer.isView(data)) {
    throw optionError(`the elements of ${show(name)} must be a typed array, given ${show(data)}`)
  }
  return create(TensorProtoSchema, {
    name,
    dims: dims.map((extent) => toInt64(extent, `an extent of ${JSON.stringify(name)}`)),
    dataType: type,
    rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice(),
  })
}

/** Creates a tensor of int64. */
export function int64Tensor(
  name: string,
  values: readonly (number | bigint)[],
  dims = [values.length],
): TensorProto {
  return createTensor(
    name,
    dims,
    dataType.int64,
    BigInt64Array.from(values, (value) => toInt64(value, `an element of ${JSON.stringify(name)}`)),
  )
}

/** Creates a float tensor or, for `type` 11, a double tensor. */
export function realTensor(
  name: string,
  values: readonly number[],
  type: number,
  dims: readonly number[] = [],
): TensorProto {
  return type === dataType.double
    ? createTensor(name, dims, type, Float64Array.from(values))
    : createTensor(name, dims, dataType.float, Float32Array.from(values))
}

/** Reads the extents of a tensor message and checks them: a file may claim anything. */
export function dimsOf(tensor: TensorProto): number[] {
  return tensor.dims.map((extent) => {
    if (extent >= 0n && extent <= 0x7fffffffn) return Number(extent)
    throw unsupported(`tensor ${JSON.stringify(tensor.name)} has an axis of ${extent} elements`)
  })
}

/**
 * Copies the elements out of a tensor message.
 *
 * @param external the bytes of its external data, for a tensor that stores its elements in another file
 * @throws ERR_SHAPE if their number differs from the product of the dims; ERR_NOT_SUPPORTED for element types without
 *   an array
 */
export function readTensor(tensor: TensorProto, external?: Uint8Array): NamedTensor {
  const { name, dataType: type } = tensor
  const dims = checkedDims(tensor, external)
  return { name, dims, dataType: type, data: elementsCopied(tensor, dims, external) }
}

/** The bytes of tensors whose elements have not been asked for yet. */
const unread = new WeakMap<NamedTensor, Uint8Array>()

/**
 * The bytes of a tensor of {@link deferTensor} as the message has them, as long as nobody has asked for its elements; else
 * `undefined`. Whoever only writes them to a file needs no copy.
 */
export function unreadBytes(tensor: NamedTensor): Uint8Array | undefined {
  return unread.get(tensor)
}

/**
 * Like {@link readTensor}, except that the elements are copied when they are first asked for. Until then they must not
 * change in the message.
 *
 * @throws at once as `readTensor`
 */
export function deferTensor(tensor: TensorProto): NamedTensor {
  const dims = checkedDims(tensor)
  let data: TensorData | undefined
  const deferred: NamedTensor = {
    name: tensor.name,
    dims,
    dataType: tensor.dataType,
    get data() {
      data ??= elementsCopied(tensor, dims)
      unread.delete(deferred)
      return data
    },
  }
  const raw = rawOf(tensor)
  if (raw !== undefined) unread.set(deferred, raw)
  return deferred
}

/** The extents of a tensor message that has as many elements as they say. */
function checkedDims(tensor: TensorProto, external?: Uint8Array): number[] {
  const dims = dimsOf(tensor)
  const { bytes } = elementTypeOf(tensor.dataType)
  const size = sizeOf(dims)
  const raw = rawOf(tensor, external)
  const found = raw ? raw.length / bytes : elementsOf(tensor).length
  if (found === size) return dims
  throw shapeError(
    `tensor ${JSON.stringify(tensor.name)} has dims [${dims.join(', ')}], which is ${size} elements, and data for ${found}`,
  )
}

function rawOf({ rawData }: TensorProto, external?: Uint8Array): Uint8Array | undefined {
  return external ?? (rawData.length > 0 ? rawData : undefined)
}

function elementsCopied(tensor: TensorProto, dims: readonly number[], external?: Uint8Array): TensorData {
  const { array: TypedArray, bytes } = elementTypeOf(tensor.dataType)
  const size = sizeOf(dims)
  const data = allocated(JSON.stringify(tensor.name), () => new TypedArray(new ArrayBuffer(size * bytes)))
  const raw = rawOf(tensor, external)
  if (raw) {
    // The bytes in a file need not be aligned.
    new Uint8Array(data.buffer).set(raw)
    return data
  }
  const elements = elementsOf(tensor)
  for (let i = 0; i < size; i++) data[i] = elements[i]!
  return data
}

/** The field that holds the elements if `raw_data` does not. */
function elementsOf(tensor: TensorProto): ArrayLike<number | bigint> {
  switch (tensor.dataType) {
    case dataType.float:
      return tensor.floatData
    case dataType.double:
      return tensor.doubleData
    case dataType.int64:
      return tensor.int64Data
    case dataType.uint64:
      return tensor.uint64Data
    case dataType.uint32:
      return tensor.uint64Data.map(Number)
    default:
      return tensor.int32Data
  }
}
