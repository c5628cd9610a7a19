import type { Extent } from './valueTypes.js'
import type { ValueInfoProto } from '../proto/onnx_pb.js'
import { createValue } from '../proto/value.js'

/** Declares a value as far as it is known. */
export function declaredValue(
  name: string,
  type: number,
  shape: readonly Extent[] | undefined,
): ValueInfoProto {
  return createValue(
    name,
    type,
    // A symbol without a name is what the format has for an extent of which nothing is known.
    shape?.map((extent) => extent ?? ''),
  )
}

/**
 * A copy of a message that shares its parts. A plain spread would lose the defaults of the fields that are not set, which
 * lie on the prototype.
 */
export function withFields<T extends object>(message: T, fields: Partial<T>): T {
  return Object.assign(Object.create(Object.getPrototypeOf(message) as object), message, fields) as T
}
