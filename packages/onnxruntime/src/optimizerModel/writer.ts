import { create } from '@bufbuild/protobuf'
import { createAttribute } from '../onnx/attribute.js'
import type { Attributes } from '../lowering/context.js'
import { dataType } from '../onnx/dataType.js'
import type { Model } from '../onnx/model.js'
import {
  ModelProtoSchema,
  NodeProtoSchema,
  StringStringEntryProtoSchema,
  ValueInfoProtoSchema,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from '../onnx/onnx_pb.js'
import { realTensor } from '../onnx/tensor.js'

/** Writes a graph node by node. */
export interface GraphWriter {
  /** Adds a node, and says what its output is called. */
  readonly emit: (
    opType: string,
    inputs: readonly string[],
    attributes?: Attributes,
    output?: string,
  ) => string
  /** A scalar constant. */
  readonly real: (value: number, type: number) => string
  /** Declares an input. */
  readonly input: (name: string, type: number, dims: readonly number[]) => string
  readonly output: (name: string, type: number, dims: readonly number[]) => string
  readonly finish: (name: string, metadata: Readonly<Record<string, string>>) => Model
}

/** Starts a graph of ONNX's own operators, of the given version. */
export function createWriter(opset: number): GraphWriter {
  const nodes: NodeProto[] = []
  const inputs = new Map<string, ValueInfoProto>()
  const outputs: ValueInfoProto[] = []
  const constants = new Map<string, TensorProto>()
  let count = 0
  return {
    emit(opType, input, attributes = {}, output = `${opType}_${++count}`) {
      nodes.push(
        create(NodeProtoSchema, {
          opType,
          name: `node ${output}`,
          input: [...input],
          output: [output],
          attribute: Object.entries(attributes).flatMap(([key, value]) =>
            value === undefined ? [] : [createAttribute(key, value)],
          ),
        }),
      )
      return output
    },
    real(value, type) {
      const name = `constant ${Object.is(value, -0) ? '-0' : value} ${type === dataType.double ? 'double' : 'float'}`
      if (!constants.has(name)) constants.set(name, realTensor(name, [value], type))
      return name
    },
    input(name, type, dims) {
      if (!inputs.has(name)) inputs.set(name, valueInfo(name, type, dims))
      return name
    },
    output(name, type, dims) {
      outputs.push(valueInfo(name, type, dims))
      return name
    },
    finish: (name, metadata) =>
      create(ModelProtoSchema, {
        irVersion: 8n,
        producerName: '@induced-metric/onnxruntime',
        opsetImport: [{ domain: '', version: BigInt(opset) }],
        graph: {
          name,
          node: nodes,
          input: [...inputs.values()],
          output: outputs,
          initializer: [...constants.values()],
        },
        metadataProps: Object.entries(metadata).map(([key, value]) =>
          create(StringStringEntryProtoSchema, { key, value }),
        ),
      }) as Model,
  }
}

/** Declares a value. */
function valueInfo(name: string, elemType: number, dims: readonly number[]): ValueInfoProto {
  const dim = dims.map((extent) => ({ value: { case: 'dimValue' as const, value: BigInt(extent) } }))
  return create(ValueInfoProtoSchema, {
    name,
    type: { value: { case: 'tensorType', value: { elemType, shape: { dim } } } },
  })
}
