import { unsupported } from '@induced-metric/core/adapter'
import { dataType } from '../../proto/dataType.js'
import { createNode, type Attributes } from '../../proto/node.js'
import type { NodeProto, TensorProto } from '../../proto/onnx_pb.js'
import { int64Tensor, readTensor, realTensor } from '../../proto/tensor.js'
import { createTensor } from '../../proto/tensor.js'
import { attributeOf } from '../../proto/attribute.js'
import { describeNode } from '../nodeContext.js'
import type { ValueTypes } from '../valueTypes.js'

/** A node of an older version of ONNX's operators, and the means to replace it by nodes of the next version. */
export interface Upgrade {
  readonly node: NodeProto
  /** Adds a constant and returns its name. */
  readonly constant: (tensor: TensorProto) => string
  readonly fresh: (hint: string) => string
  /** Adds a node to the graph. A rule that adds none removes its node. */
  readonly push: (node: NodeProto) => void
  readonly types: ValueTypes
  /** The number of axes of a value, if it is known. */
  readonly rankOf: (name: string) => number | undefined
}

/** Replaces a node by nodes of the next version. */
export type UpgradeRule = (upgrade: Upgrade) => void

/** Rules by operator. */
export type UpgradeRules = Readonly<Record<string, UpgradeRule>>

/** Removes attributes of a node. */
export function dropAttributes(node: NodeProto, ...names: readonly string[]): void {
  node.attribute = node.attribute.filter(({ name }) => !names.includes(name))
}

/** Adds a node with one output, and returns the name of it. */
export function add(
  { push, fresh }: Upgrade,
  opType: string,
  inputs: readonly string[],
  attributes: Attributes = {},
  output = fresh(`${inputs[0]}/${opType}`),
): string {
  push(createNode(opType, inputs, [output], attributes, fresh(`upgraded/${opType}`)))
  return output
}

/** Adds a constant list of whole numbers. */
export function ints({ constant }: Upgrade, values: readonly (number | bigint)[]): string {
  return constant(int64Tensor('', values))
}

/** Adds a constant of the element type of a value: float if it is unknown. */
export function realsLike(
  upgrade: Upgrade,
  like: string,
  values: readonly number[],
  dims: readonly number[] = [],
): string {
  const { types, constant, node } = upgrade
  const type = types.get(like).dataType ?? dataType.float
  switch (type) {
    case dataType.float:
    case dataType.double:
      return constant(realTensor('', values, type, dims))
    case dataType.float16:
      return constant(createTensor('', dims, type, Uint16Array.from(values, toHalf)))
    case dataType.int32:
      return constant(createTensor('', dims, type, Int32Array.from(values)))
    case dataType.int64:
      return constant(
        createTensor(
          '',
          dims,
          type,
          BigInt64Array.from(values, (value) => BigInt(value)),
        ),
      )
    case dataType.uint8:
      return constant(createTensor('', dims, type, Uint8Array.from(values)))
    case dataType.int8:
      return constant(createTensor('', dims, type, Int8Array.from(values)))
    default:
      return refuseUpgrade(
        node,
        `elements of ONNX type ${type} are not supported in this form of the operator`,
      )
  }
}

/** The elements of a value, if it is a constant of the model. */
export function constantOf({ types }: Upgrade, name: string | undefined): number[] | undefined {
  const tensor = name === undefined || name === '' ? undefined : types.constant(name)
  return tensor && Array.from(readTensor(tensor).data as ArrayLike<number | bigint>, Number)
}

/** The list of reals that an attribute holds. */
export function floatsOf(node: NodeProto, name: string): number[] | undefined {
  return attributeOf(node, name)?.floats
}

/** Throws ERR_NOT_SUPPORTED for a node that has no equivalent in newer versions. */
export function refuseUpgrade(node: NodeProto, reason: string): never {
  throw unsupported(`${describeNode(node)}: ${reason}; export the model with a newer opset_version`)
}

/** The bits of the half-precision number nearest to a number. */
function toHalf(value: number): number {
  const bits = new DataView(new ArrayBuffer(4))
  bits.setFloat32(0, value)
  const single = bits.getUint32(0)
  const sign = (single >>> 16) & 0x8000
  const magnitude = Math.abs(value)
  if (Number.isNaN(value)) return sign | 0x7e00
  if (magnitude >= 65_520) return sign | 0x7c00
  if (magnitude < 2 ** -14) return sign | roundEven(magnitude * 2 ** 24)
  const exponent = Math.floor(Math.log2(Math.fround(magnitude)))
  return sign | (((exponent + 15) << 10) + roundEven((magnitude / 2 ** exponent - 1) * 1024))
}

function roundEven(value: number): number {
  const floor = Math.floor(value)
  const rest = value - floor
  if (rest > 0.5) return floor + 1
  return rest < 0.5 || floor % 2 === 0 ? floor : floor + 1
}
