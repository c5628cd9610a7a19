import type { GraphProto, NodeProto, TensorProto, ValueInfoProto } from '../proto/onnx_pb.js'
import { attributeOf } from '../proto/attribute.js'
import { dimsOf } from '../proto/tensor.js'

/** An extent of an axis: a number, a symbol that stands for the same number everywhere, or unknown. */
export type Extent = number | string | undefined

/** The type and shape of a value, as far as they are known before anything runs. */
export interface ValueType {
  /** The ONNX element type. */
  readonly dataType?: number | undefined
  /** The extents, if at least their number is known. */
  readonly shape?: readonly Extent[] | undefined
}

/** The known types of a graph's values. */
export interface ValueTypes {
  readonly get: (name: string) => ValueType
  /** Adds a type; facts that were known before stay. */
  readonly add: (name: string, type: ValueType) => void
  /** The tensor, if the value is a constant of the model. */
  readonly constant: (name: string) => TensorProto | undefined
  /** The node that computes a value. */
  readonly producer: (name: string) => NodeProto | undefined
}

/** Gathers the types that a graph declares for its values. */
export function valueTypes(graph: GraphProto): ValueTypes {
  const types = new Map<string, ValueType>()
  const constants = new Map<string, TensorProto>()
  const producers = new Map<string, NodeProto>()
  const add = (name: string, type: ValueType): void => {
    const known = types.get(name)
    types.set(name, {
      dataType: known?.dataType ?? type.dataType,
      shape: mergeShapes(known?.shape, type.shape),
    })
  }
  const addConstant = (name: string, tensor: TensorProto): void => {
    constants.set(name, tensor)
    add(name, { dataType: tensor.dataType, shape: dimsOf(tensor) })
  }
  // An initializer that is also an input is a default, which a caller may replace.
  const inputs = new Set(graph.input.map(({ name }) => name))
  for (const tensor of graph.initializer) {
    if (inputs.has(tensor.name)) add(tensor.name, { dataType: tensor.dataType, shape: dimsOf(tensor) })
    else addConstant(tensor.name, tensor)
  }
  for (const value of [...graph.input, ...graph.output, ...graph.valueInfo]) add(value.name, typeOf(value))
  for (const node of graph.node) {
    for (const name of node.output) producers.set(name, node)
    const value = node.opType === 'Constant' ? attributeOf(node, 'value')?.t : undefined
    if (value) addConstant(node.output[0]!, value)
  }
  return {
    get: (name) => types.get(name) ?? {},
    add,
    constant: (name) => constants.get(name),
    producer: (name) => producers.get(name),
  }
}

/** The type a model declares for a value. */
export function typeOf({ type }: ValueInfoProto): ValueType {
  if (type?.value.case !== 'tensorType') return {}
  const { elemType, shape } = type.value.value
  return {
    dataType: elemType === 0 ? undefined : elemType,
    shape: shape?.dim.map(({ value }): Extent => {
      // Some exporters write −1 for an unknown extent.
      if (value.case === 'dimValue') return value.value < 0n ? undefined : Number(value.value)
      return value.case === 'dimParam' && value.value !== '' ? value.value : undefined
    }),
  }
}

function mergeShapes(a: ValueType['shape'], b: ValueType['shape']): ValueType['shape'] {
  if (a === undefined || b === undefined || a.length !== b.length) return a ?? b
  return a.map((extent, axis) => (typeof extent === 'number' ? extent : (b[axis] ?? extent)))
}
