import { InducedMetricError } from '@induced-metric/core'
import { unsupported } from '@induced-metric/core/adapter'
import { coded } from '../errors.js'
import { dataType } from '../proto/dataType.js'
import { createNode, type Attributes } from '../proto/node.js'
import type { NodeProto, TensorProto } from '../proto/onnx_pb.js'
import { int64Tensor, readTensor, realTensor } from '../proto/tensor.js'
import type { Extent, ValueType, ValueTypes } from './valueTypes.js'

/** The tools of a row of the lowering table: a node of the graph, and functions that add the nodes which replace it. */
export interface LoweringContext {
  /** The node to replace. */
  readonly node: NodeProto
  /** The version of ONNX's operators that the lowered model uses, at least 17. */
  readonly opset: number
  /** The name of an input, or `undefined` if the node leaves it out. */
  readonly input: (index: number) => string | undefined
  /** The name of an input that the node must have. */
  readonly required: (index: number) => string
  /** The name of an output, or `undefined` if nothing reads it. */
  readonly output: (index: number) => string | undefined
  /**
   * Adds a node with one output.
   *
   * @param opType an operator of ONNX, or `domain:operator`
   * @param output its output, if it must have a given name
   * @returns the name of the output
   */
  readonly emit: (
    opType: string,
    inputs: readonly (string | undefined)[],
    attributes?: Attributes,
    output?: string,
  ) => string
  /** Adds a node with given outputs. */
  readonly emitAll: (
    opType: string,
    inputs: readonly (string | undefined)[],
    attributes: Attributes,
    outputs: readonly string[],
  ) => void
  /** Returns a name that the graph does not have yet. */
  /** Returns a name that no value of the graph has yet. */
  readonly fresh: (hint: string) => string
  /** Adds a one-dimensional constant of whole numbers. */
  readonly ints: (values: readonly (number | bigint)[]) => string
  /** Adds a scalar constant of whole numbers. */
  readonly int: (value: number | bigint) => string
  /** Adds a constant of an element type, float or double; without dims a scalar. */
  readonly reals: (values: readonly number[], type: number, dims?: readonly number[]) => string
  /** The known type and shape of a value. */
  readonly typeOf: (name: string) => ValueType
  /** The number of axes of a value. Throws ERR_NOT_SUPPORTED if the model does not say. */
  readonly rankOf: (name: string) => number
  /** The known extents of a value. Throws ERR_NOT_SUPPORTED if not even their number is known. */
  readonly extentsOf: (name: string) => readonly Extent[]
  /** The element type of the first of these values whose type is known; float if none is. */
  readonly realTypeOf: (...names: readonly (string | undefined)[]) => number
  /** The elements of a value, if it is a constant of the model. */
  readonly constantOf: (name: string | undefined) => number[] | undefined
  /** The node of the original graph that computes a value. */
  readonly producerOf: (name: string) => NodeProto | undefined
  /** Throws ERR_NOT_SUPPORTED with a reason, naming the node. */
  readonly refuse: (reason: string) => never
}

/** A row of the lowering table: adds the nodes that compute a node's outputs with stock operators. */
export type LoweringRule = (context: LoweringContext) => void

/** The nodes and constants that lowering adds to a graph. */
export interface Emitted {
  readonly nodes: NodeProto[]
  /** Keyed by the name that each would have if no value of the graph had it. */
  readonly constants: Map<string, TensorProto>
  /** Returns a name that the graph does not have yet. */
  readonly fresh: (hint: string) => string
  /** The start of the names of constants. Two passes over one graph need different ones. Default `lowered`. */
  readonly prefix?: string
}

/** Creates the context in which a node is lowered. */
export function createContext(
  node: NodeProto,
  types: ValueTypes,
  emitted: Emitted,
  opset: number,
): LoweringContext {
  const hint = node.output.find((name) => name !== '') ?? node.opType
  const refuse = (reason: string): never => {
    throw unsupported(`${describeNode(node)}: ${reason}`)
  }
  const input = (index: number): string | undefined =>
    node.input[index] === '' ? undefined : node.input[index]
  const extentsOf = (name: string): readonly Extent[] =>
    types.get(name).shape ??
    refuse(
      `the rank of ${JSON.stringify(name)} is not known${choiceHint(types.producer(name))}; declare it in the value_info of the model, as ` +
        'onnx.shape_inference.infer_shapes does where it can be told',
    )
  const constant = (key: string, make: (name: string) => TensorProto): string => {
    const hint = `${emitted.prefix ?? 'lowered'}/${key}`
    const known = emitted.constants.get(hint)
    if (known) return known.name
    const made = make(emitted.fresh(hint))
    emitted.constants.set(hint, made)
    return made.name
  }
  const emitAll: LoweringContext['emitAll'] = (opType, inputs, attributes, outputs) => {
    const name = emitted.fresh(`${hint}/${opType.replace(/^.*:/, '')}`)
    emitted.nodes.push(createNode(opType, inputs, outputs, attributes, name))
  }
  return {
    node,
    opset,
    input,
    required: (index) => input(index) ?? refuse(`input ${index} is missing`),
    output: (index) => (node.output[index] === '' ? undefined : node.output[index]),
    emit(opType, inputs, attributes = {}, output = emitted.fresh(`${hint}/${opType.replace(/^.*:/, '')}`)) {
      emitAll(opType, inputs, attributes, [output])
      return output
    },
    emitAll,
    fresh: emitted.fresh,
    ints: (values) => constant(`ints_${values.join('_')}`, (name) => int64Tensor(name, values)),
    int: (value) => constant(`int_${value}`, (name) => int64Tensor(name, [value], [])),
    reals(values, type, dims = []) {
      if (type !== dataType.float && type !== dataType.double) {
        refuse(`element type ${type} is not supported here, only float and double`)
      }
      const key = values.length > 4 ? emitted.fresh('table') : `${values.join('_')}_${dims.join('x')}_${type}`
      return constant(`real_${key}`, (name) => realTensor(name, values, type, dims))
    },
    typeOf: (name) => types.get(name),
    rankOf: (name) => extentsOf(name).length,
    extentsOf,
    realTypeOf(...names) {
      for (const name of names) {
        const type = name === undefined ? undefined : types.get(name).dataType
        if (type !== undefined) return type
      }
      return dataType.float
    },
    constantOf(name) {
      const tensor = name === undefined ? undefined : types.constant(name)
      return tensor && Array.from(readTensor(tensor).data as ArrayLike<number | bigint>, Number)
    },
    producerOf: (name) => types.producer(name),
    refuse,
  }
}

/** Branches may have results of different ranks. */
function choiceHint(producer: NodeProto | undefined): string {
  if (producer?.opType !== 'If') return ''
  return (
    `, because an If decides it, by ${JSON.stringify(producer.input[0])}: with fixed extents (inputs) or values (bind) of ` +
    'the inputs that it depends on, the branch is known'
  )
}

/**
 * Applies a rule of this package to a node. A damaged file can make a rule fail in ways that it does not foresee.
 *
 * @throws ERR_NOT_SUPPORTED naming the node, instead of an error without a code
 */
export function codedRule(node: NodeProto, problem: string, apply: () => void): void {
  try {
    apply()
  } catch (error) {
    if (error instanceof InducedMetricError) throw error
    throw coded('ERR_NOT_SUPPORTED', `${describeNode(node)}: ${problem}`, error)
  }
}

/** Describes a node for an error message: its operator, domain and name. */
export function describeNode(
  node: Pick<NodeProto, 'opType' | 'domain' | 'name'> & { readonly output: readonly string[] },
): string {
  const domain = node.domain === '' ? 'ai.onnx' : node.domain
  const name =
    node.name === ''
      ? `the node that makes ${JSON.stringify(node.output.find((output) => output !== ''))}`
      : `node ${JSON.stringify(node.name)}`
  return `operator ${node.opType} of domain ${domain} (${name})`
}
