import { create, toBinary } from '@bufbuild/protobuf'
import { TensorProtoSchema, type TensorProto } from '../../src/proto/onnx_pb.js'
import { createTensor } from '../../src/proto/tensor.js'
import type { NamedTensor } from '../../src/proto/tensorData.js'

/** A `.pbseq` file of tensors. */
export function sequenceOf(tensors: readonly NamedTensor[]): Uint8Array {
  return sequence(tensors.map(({ name, dims, dataType, data }) => createTensor(name, dims, dataType, data)))
}

/** A `.pbseq` file of properties. */
export function propertySequence(properties: Readonly<Record<string, bigint | number | string>>): Uint8Array {
  return sequence(
    Object.entries(properties).map(([name, value]) => {
      if (typeof value === 'bigint')
        return create(TensorProtoSchema, { name, dataType: 7, int64Data: [value] })
      if (typeof value === 'number')
        return create(TensorProtoSchema, { name, dataType: 1, floatData: [value] })
      return create(TensorProtoSchema, { name, dataType: 8, stringData: [new TextEncoder().encode(value)] })
    }),
  )
}

/** A `.pbseq` file of messages. */
export function sequence(messages: readonly TensorProto[]): Uint8Array {
  const parts = messages.flatMap((message) => {
    const bytes = toBinary(TensorProtoSchema, message)
    return [varint(bytes.length), bytes]
  })
  return new Uint8Array(Buffer.concat([varint(messages.length), ...parts]))
}

function varint(value: number): Uint8Array {
  const bytes: number[] = []
  let left = value
  for (; left > 127; left = Math.floor(left / 128)) bytes.push((left % 128) + 128)
  return Uint8Array.from([...bytes, left])
}
