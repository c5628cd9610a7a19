import { create } from '@bufbuild/protobuf'
import type { Extent } from '../lowering/shapes.js'
import { ValueInfoProtoSchema, type ValueInfoProto } from '../onnx/onnx_pb.js'

/** Declares a value; of an unknown extent it says nothing. */
export function declaredValue(
  name: string,
  elemType: number,
  shape: readonly Extent[] | undefined,
): ValueInfoProto {
  const dim = shape?.map((extent) => {
    if (extent === undefined) return {}
    return typeof extent === 'number'
      ? { value: { case: 'dimValue' as const, value: BigInt(extent) } }
      : { value: { case: 'dimParam' as const, value: extent } }
  })
  return create(ValueInfoProtoSchema, {
    name,
    type: {
      value: { case: 'tensorType', value: { elemType, ...(dim && { shape: { dim } }) } },
    },
  })
}

/**
 * A copy of a message that shares its parts. A plain spread would lose the defaults of the fields that are not set, which
 * lie on the prototype.
 */
export function withFields<T extends object>(message: T, fields: Partial<T>): T {
  return Object.assign(Object.create(Object.getPrototypeOf(message) as object), message, fields) as T
}
