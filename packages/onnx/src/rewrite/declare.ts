import type { Extent } from './valueTypes.js'
import type { ValueInfoProto } from '../proto/onnx_pb.js'
import { createValue } from '../proto/value.js'

/** Declares a value as far as its type and shape are known. */
export function declaredValue(
  name: string,
  type: number,
  shape: readonly Extent[] | undefined,
): ValueInfoProto {
  return createValue(
    name,
    type,
    // In the format, a symbol without a name stands for an unknown extent.
    shape?.map((extent) => extent ?? ''),
  )
}

/**
 * Copies a message; the copy shares its parts. A plain spread would lose the defaults of unset fields, which are on
 * the prototype.
 */
export function withFields<T extends object>(message: T, fields: Partial<T>): T {
  return Object.assign(Object.create(Object.getPrototypeOf(message) as object), message, fields) as T
}
