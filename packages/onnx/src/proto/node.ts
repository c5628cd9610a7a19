import { create } from '@bufbuild/protobuf'
import { createAttribute, type AttributeValue } from './attribute.js'
import { NodeProtoSchema, type NodeProto } from './onnx_pb.js'

/** The attributes of a new node; those that are `undefined` are left out. */
export type Attributes = Readonly<Record<string, AttributeValue | undefined>>

/**
 * Creates a node.
 *
 * @param opType an operator of ONNX, or `domain:operator`
 * @param inputs the values it reads; `undefined` and `''` are optional inputs left out
 * @param outputs the names of its results
 * @param name its own name, by default `operator/outputs`
 */
export function createNode(
  opType: string,
  inputs: readonly (string | undefined)[],
  outputs: readonly string[],
  attributes: Attributes = {},
  name = `${opType.slice(opType.lastIndexOf(':') + 1)}/${outputs.join()}`,
): NodeProto {
  const colon = opType.lastIndexOf(':')
  const input = inputs.map((value) => value ?? '')
  while (input.at(-1) === '') input.pop()
  return create(NodeProtoSchema, {
    opType: opType.slice(colon + 1),
    domain: opType.slice(0, Math.max(colon, 0)),
    name,
    input,
    output: [...outputs],
    attribute: Object.entries(attributes).flatMap(([key, value]) =>
      value === undefined ? [] : [createAttribute(key, value)],
    ),
  })
}
