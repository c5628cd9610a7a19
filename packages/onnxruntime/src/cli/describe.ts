import { typeOf } from '../rewrite/valueTypes.js'
import { elementTypeOf } from '../proto/dataType.js'
import type { ValueInfoProto } from '../proto/onnx_pb.js'

/** A value in words: its name, type and shape. */
export function describeValue(value: ValueInfoProto): string {
  const { dataType, shape } = typeOf(value)
  const type = dataType === undefined ? '' : ` ${elementTypeOf(dataType).name}`
  return `${value.name}${type} [${shape?.map((extent) => extent ?? '?').join(', ') ?? '?'}]`
}
