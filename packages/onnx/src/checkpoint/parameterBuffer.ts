import type { TypedArray } from '@induced-metric/core'
import { shapeError, unsupported } from '@induced-metric/core/adapter'
import { dataType, elementTypeOf } from '../proto/dataType.js'
import type { NamedTensor } from '../proto/tensorData.js'

// All parameters in one array, the form that federated learning exchanges.

/** Parameters of one type, whose values fit into one array. */
export type BufferParts = readonly { readonly data: TypedArray }[]

/**
 * The parameters that go into one array, in the order of a model's inputs.
 *
 * @param order the names of the inputs
 * @throws ERR_NOT_SUPPORTED if they are not all of one type, float32 or float64
 */
export function bufferParts(parameters: readonly NamedTensor[], order: readonly string[]): BufferParts {
  const places = new Map(order.map((name, i) => [name, i]))
  const place = ({ name }: NamedTensor): number => places.get(name) ?? Infinity
  const parts = [...parameters].sort((a, b) => place(a) - place(b))
  const other = parts.find(
    ({ dataType: type }) =>
      type !== parts[0]!.dataType || (type !== dataType.float && type !== dataType.double),
  )
  if (other === undefined) return parts as readonly NamedTensor[] as BufferParts
  throw unsupported(
    `parameters of more than one element type, or of ${elementTypeOf(other.dataType).name}, do not fit into one tensor ` +
      `(${JSON.stringify(other.name)}); read them from session.parameters`,
  )
}

/** The number of scalars in parameters. */
export function sizeOfParts(parts: BufferParts): number {
  return parts.reduce((total, { data }) => total + data.length, 0)
}

/** Copies all values into one array, one parameter after the other. */
export function concatenateParts(parts: BufferParts): TypedArray {
  const size = sizeOfParts(parts)
  const all = parts[0]?.data instanceof Float64Array ? new Float64Array(size) : new Float32Array(size)
  let offset = 0
  for (const { data } of parts) {
    all.set(data, offset)
    offset += data.length
  }
  return all
}

/**
 * Sets all values from the bytes of an array such as {@link concatenateParts} returns.
 *
 * @param trainableOnly whether the parts are the trainable parameters, for errors
 * @throws ERR_SHAPE for more or fewer bytes; nothing has changed then
 */
export function scatterParts(parts: BufferParts, buffer: Uint8Array, trainableOnly: boolean): void {
  const length = parts.reduce((total, { data }) => total + data.byteLength, 0)
  if (!(buffer instanceof Uint8Array) || buffer.byteLength !== length) {
    const given = buffer instanceof Uint8Array ? `${buffer.byteLength} bytes` : typeof buffer
    throw shapeError(
      `loadParametersBuffer takes ${length} bytes, one Uint8Array over the values of all ${trainableOnly ? 'trainable ' : ''}parameters, given ${given}`,
    )
  }
  let offset = 0
  for (const { data } of parts) {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    bytes.set(buffer.subarray(offset, offset + data.byteLength))
    offset += data.byteLength
  }
}
