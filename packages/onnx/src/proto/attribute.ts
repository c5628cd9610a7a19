import { create } from '@bufbuild/protobuf'
import { toInt64 } from './int64.js'
import { AttributeProtoSchema, type AttributeProto, type NodeProto, type TensorProto } from './onnx_pb.js'

/** The kinds of attributes that this package writes (`AttributeProto.AttributeType`). */
export const attributeType = { float: 1, int: 2, string: 3, tensor: 4, graph: 5, floats: 6, ints: 7 } as const

/**
 * A value of an attribute. A whole number is an int and any other number a float; a list of whole numbers is ints, and
 * a list with another number in it floats. `{ float: 1 }` and `{ floats: [1, 2] }` are floats whatever the numbers are:
 * operators do not take an int where they expect a float.
 */
export type AttributeValue =
  | number
  | bigint
  | string
  | readonly number[]
  | { readonly float: number }
  | { readonly floats: readonly number[] }
  | TensorProto

/** Attributes of ONNX's operators that are whole numbers, whatever is given. */
const whole = new Set(
  (
    'allowzero axes axis batch_axis blocksize broadcast ceil_mode detect_negative dilations direction exclusive group ' +
    'hidden_size keepdims k kernel_shape largest num_groups num_outputs p pads perm reverse sorted split start end ' +
    'storage_order strides time_axis to training_mode transA transB upper'
  ).split(' '),
)

/**
 * Creates an attribute.
 *
 * @throws ERR_OPTION for a fraction where ONNX's operators have whole numbers, as in `axis` and `pads`
 */
export function createAttribute(name: string, value: AttributeValue): AttributeProto {
  if (typeof value === 'number' && !Number.isInteger(value) && !whole.has(name))
    return createAttribute(name, { float: value })
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
  if (isList(value) && !whole.has(name) && !value.every(Number.isInteger))
    return createAttribute(name, { floats: value })
  if (isList(value)) {
    const ints = value.map((one) => toInt64(one, `the attribute ${name}`))
    return create(AttributeProtoSchema, { name, type: attributeType.ints, ints })
  }
  if ('float' in value)
    return create(AttributeProtoSchema, { name, type: attributeType.float, f: Math.fround(value.float) })
  if ('floats' in value) {
    const floats = value.floats.map(Math.fround)
    return create(AttributeProtoSchema, { name, type: attributeType.floats, floats })
  }
  return create(AttributeProtoSchema, { name, type: attributeType.tensor, t: value })
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
