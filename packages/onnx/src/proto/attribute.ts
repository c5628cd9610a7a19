import { clone, create } from '@bufbuild/protobuf'
import { toInt64 } from './int64.js'
import {
  AttributeProtoSchema,
  type AttributeProto,
  type GraphProto,
  type NodeProto,
  type TensorProto,
} from './onnx_pb.js'

/** The kinds of attributes that this package writes (`AttributeProto.AttributeType`). */
export const attributeType = { float: 1, int: 2, string: 3, tensor: 4, graph: 5, floats: 6, ints: 7 } as const

/**
 * A value of an attribute: whole numbers and lists of them are ints, `{ float }` is a float. An attribute of another node
 * gives its value.
 */
export type AttributeValue =
  | number
  | bigint
  | string
  | readonly number[]
  | { readonly float: number }
  | TensorProto
  | GraphProto
  | AttributeProto

/** Creates an attribute. */
export function createAttribute(name: string, value: AttributeValue): AttributeProto {
  if (typeof value === 'number' || typeof value === 'bigint') {
    return create(AttributeProtoSchema, {
      name,
      type: attributeType.int,
      i: toInt64(value, `the attribute ${name}`),
    })
  }
  if (typeof value === 'string') {
    return create(AttributeProtoSchema, {
      name,
      type: attributeType.string,
      s: new TextEncoder().encode(value),
    })
  }
  if (isList(value)) {
    const ints = value.map((one) => toInt64(one, `the attribute ${name}`))
    return create(AttributeProtoSchema, { name, type: attributeType.ints, ints })
  }
  if ('float' in value)
    return create(AttributeProtoSchema, { name, type: attributeType.float, f: Math.fround(value.float) })
  switch (value.$typeName) {
    case 'onnx.AttributeProto':
      return Object.assign(clone(AttributeProtoSchema, value), { name })
    case 'onnx.GraphProto':
      return create(AttributeProtoSchema, { name, type: attributeType.graph, g: value })
    default:
      return create(AttributeProtoSchema, { name, type: attributeType.tensor, t: value })
  }
}

function isList(value: object): value is readonly number[] {
  return Array.isArray(value)
}

/** Finds an attribute of a node by name. */
export function attributeOf(node: NodeProto, name: string): AttributeProto | undefined {
  return node.attribute.find((attribute) => attribute.name === name)
}

/** Reads a whole-number attribute of a node. */
export function intOf(node: NodeProto, name: string, otherwise: number): number {
  const attribute = attributeOf(node, name)
  return attribute ? Number(attribute.i) : otherwise
}

/** Reads a whole-number attribute that a node may lack. */
export function optionalIntOf(node: NodeProto, name: string): number | undefined {
  const attribute = attributeOf(node, name)
  return attribute && Number(attribute.i)
}

/** Reads a list of whole numbers; `undefined` if the node has none. */
export function intsOf(node: NodeProto, name: string): number[] | undefined {
  return attributeOf(node, name)?.ints.map(Number)
}

/** Reads a real attribute of a node. */
export function floatOf(node: NodeProto, name: string, otherwise: number): number {
  return attributeOf(node, name)?.f ?? otherwise
}

/** Reads a text attribute of a node. */
export function stringOf(node: NodeProto, name: string, otherwise: string): string {
  const attribute = attributeOf(node, name)
  return attribute ? new TextDecoder().decode(attribute.s) : otherwise
}
