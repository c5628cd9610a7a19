import { typeOf } from '../lowering/shapes.js'
import { elementTypeOf } from '../onnx/dataType.js'
import type { ValueInfoProto } from '../onnx/onnx_pb.js'

/** A value in words: its name, type and shape. */
export function describeValue(value: ValueInfoProto): string {
  const { dataType, shape } = typeOf(value)
  const type = dataType === undefined ? '' : ` ${elementTypeOf(dataType).name}`
  return `${value.name}${type} [${shape?.map((extent) => extent ?? '?').join(', ') ?? '?'}]`
}
