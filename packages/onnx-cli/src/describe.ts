import { typeOf } from '@induced-metric/onnx/adapter'
import { elementTypeOf, type ValueInfoProto } from '@induced-metric/onnx/proto'

/** Describes a value in words: its name, type and shape. */
export function describeValue(value: ValueInfoProto): string {
  const { dataType, shape } = typeOf(value)
  const type = dataType === undefined ? '' : ` ${elementTypeOf(dataType).name}`
  return `${value.name}${type} [${shape?.map((extent) => extent ?? '?').join(', ') ?? '?'}]`
}
