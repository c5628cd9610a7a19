import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { toInt64 } from './int64.js'
import { ValueInfoProtoSchema, type TypeProtoSchema, type ValueInfoProto } from './onnx_pb.js'

/** The extent of an axis: a number, or the name of one that is known only when the model runs. */
export type Dimension = number | string

/**
 * Declares a tensor that is an input, an output or another value of a graph.
 *
 * @param type its element type, as in `dataType`
 * @param dims its extents. Without them not even their number is declared
 */
export function createValue(name: string, type: number, dims?: readonly Dimension[]): ValueInfoProto {
  return create(ValueInfoProtoSchema, { name, type: tensorType(type, dims) })
}

/** Declares a sequence of tensors of an element type. */
export function createSequence(name: string, type: number): ValueInfoProto {
  return create(ValueInfoProtoSchema, {
    name,
    type: { value: { case: 'sequenceType', value: { elemType: tensorType(type) } } },
  })
}

function tensorType(elemType: number, dims?: readonly Dimension[]): MessageInitShape<typeof TypeProtoSchema> {
  const dim = dims?.map((extent) =>
    typeof extent === 'number'
      ? { value: { case: 'dimValue' as const, value: toInt64(extent, 'an extent') } }
      : { value: { case: 'dimParam' as const, value: extent } },
  )
  return { value: { case: 'tensorType', value: { elemType, ...(dim && { shape: { dim } }) } } }
}
