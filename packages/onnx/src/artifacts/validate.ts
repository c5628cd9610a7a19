import type { InducedMetricError } from '@induced-metric/core'
import { optionError, unsupported } from '@induced-metric/core/adapter'
import { describeNode } from '../rewrite/nodeContext.js'
import { attributeType } from '../proto/attribute.js'
import { elementTypeOf } from '../proto/dataType.js'
import { subgraphsOf } from '../proto/graph.js'
import { canonicalDomain, opsetOf, type Model } from '../proto/model.js'
import type { FunctionProto, GraphProto, NodeProto, TensorProto, ValueInfoProto } from '../proto/onnx_pb.js'
import { dimsOf } from '../proto/tensor.js'
import { functionKey } from '../rewrite/inline.js'

/** The versions of ONNX's operators that models may use. */
const opsets = { oldest: 1, newest: 26 }
/** The deepest nesting of graphs inside graphs. */
const deepest = 8
/** Outside the outermost graph, and outside functions, nothing is defined. */
const nowhere = (): boolean => false
/** No runtime has room for a value of more bytes than this. */
const largestTensor = 2 ** 40

/**
 * Checks the claims of a file before anything is computed from it and before the runtime's own reader sees it: names
 * are defined once and before they are read, constants hold as much as their dims say, attributes hold the type that
 * they declare.
 *
 * @throws ERR_OPTION for a model that is not valid ONNX; ERR_NOT_SUPPORTED for valid parts that are not supported
 *   here
 */
export function validateModel(model: Model): void {
  const opset = opsetOf(model)
  if (opset === undefined) throw invalid('it does not say which version of ONNX’s operators it uses')
  if (opset < opsets.oldest || opset > opsets.newest) {
    throw unsupported(
      `the model uses version ${opset} of ONNX's operators; supported are ${opsets.oldest} to ${opsets.newest}`,
    )
  }
  const versions = new Map<string, bigint>()
  for (const { domain, version } of model.opsetImport) {
    const known = versions.get(canonicalDomain(domain))
    if (known !== undefined && known !== version) throw invalid('it imports two versions of one operator set')
    versions.set(canonicalDomain(domain), version)
  }
  const domains = new Set(versions.keys())
  for (const { domain } of model.functions) domains.add(canonicalDomain(domain))
  checkGraph(model.graph, nowhere, domains, 0)
  const functions = new Set<string>()
  for (const called of model.functions) checkFunction(called, functions, domains)
}

/** @param known the functions before it; this one is added */
function checkFunction(called: FunctionProto, known: Set<string>, domains: ReadonlySet<string>): void {
  const { name, node, input, output } = called
  if (name === '') throw invalid('one of its functions has no name')
  const key = functionKey(called.domain, name, called.overload)
  if (known.has(key)) throw invalid(`two of its functions are called ${JSON.stringify(name)}`)
  known.add(key)
  const own = new Set(input)
  if (own.size !== input.length)
    throw invalid(`two inputs of its function ${JSON.stringify(name)} have one name`)
  checkNodes(node, own, nowhere, domains, 1)
  const lacking = output.find((given) => !own.has(given))
  if (lacking !== undefined)
    throw invalid(
      `nothing computes the output ${JSON.stringify(lacking)} of its function ${JSON.stringify(name)}`,
    )
}

function checkGraph(
  graph: GraphProto,
  isOutside: (name: string) => boolean,
  domains: ReadonlySet<string>,
  depth: number,
): void {
  if (depth > deepest) throw invalid(`graphs are nested more than ${deepest} deep`)
  // A value defined in an inner graph may have the name of an outer one, although it should not.
  const own = new Set<string>()
  const define = (name: string): void => {
    if (name === '') throw invalid('an input or constant has no name')
    checkName(name)
    if (own.has(name)) throw invalid(`the name ${JSON.stringify(name)} is defined twice`)
    own.add(name)
  }
  for (const value of graph.input) {
    define(value.name)
    checkValue(value)
  }
  const inputs = new Set(graph.input.map(({ name }) => name))
  const constants = new Set<string>()
  for (const tensor of graph.initializer) {
    if (!inputs.has(tensor.name) || constants.has(tensor.name)) define(tensor.name)
    constants.add(tensor.name)
    checkTensor(tensor)
  }
  for (const { values } of graph.sparseInitializer) {
    const { name = '' } = values ?? {}
    if (!inputs.has(name) || constants.has(name)) define(name)
    constants.add(name)
  }
  for (const value of [...graph.output, ...graph.valueInfo]) checkValue(value)
  checkNodes(graph.node, own, isOutside, domains, depth)
  for (const { name } of graph.output) {
    if (!own.has(name) && !isOutside(name))
      throw invalid(`nothing computes its output ${JSON.stringify(name)}`)
  }
}

/** Nodes may be in any order, but each value must come from somewhere, and none from itself. */
function checkNodes(
  nodes: readonly NodeProto[],
  own: Set<string>,
  isOutside: (name: string) => boolean,
  domains: ReadonlySet<string>,
  depth: number,
): void {
  for (const node of nodes) {
    if (node.opType === '') throw invalid(`a node has no operator: ${describeNode(node)}`)
    if (!domains.has(canonicalDomain(node.domain))) {
      throw invalid(`${describeNode(node)}: the model imports no operator set of that domain`)
    }
    for (const name of node.output) {
      if (name === '') continue
      checkName(name)
      if (own.has(name))
        throw invalid(`${describeNode(node)}: the name ${JSON.stringify(name)} is defined twice`)
      own.add(name)
    }
  }
  // A function rather than a copied set: there may be as many graphs as nodes.
  const isDefined = (name: string): boolean => own.has(name) || isOutside(name)
  for (const node of nodes) {
    for (const name of node.input) {
      if (name !== '' && !isDefined(name)) {
        throw invalid(`${describeNode(node)}: nothing computes its input ${JSON.stringify(name)}`)
      }
    }
    const names = new Set<string>()
    for (const attribute of node.attribute) {
      const { name, type, t, g, i, refAttrName } = attribute
      if (name === '' || names.has(name)) {
        throw invalid(
          `${describeNode(node)}: two of its attributes are named ${JSON.stringify(name)}, or one has no name`,
        )
      }
      names.add(name)
      if (refAttrName !== '') continue
      const lacks =
        (type === attributeType.tensor && !t) || (type === attributeType.graph && !g) || i < -(2n ** 62n)
      if (lacks) throw invalid(`${describeNode(node)}: its attribute ${JSON.stringify(name)} has no value`)
      for (const tensor of [...(t ? [t] : []), ...attribute.tensors]) checkTensor(tensor)
    }
    for (const graph of subgraphsOf(node)) checkGraph(graph, isDefined, domains, depth + 1)
  }
}

/** The runtime stores values in objects, in which one name has a meaning of its own. */
function checkName(name: string): void {
  if (name !== '__proto__') return
  throw unsupported('the runtime cannot give a value called "__proto__"; rename it')
}

function checkValue({ name, type }: ValueInfoProto): void {
  if (type?.value.case !== 'tensorType') return
  for (const { value } of type.value.value.shape?.dim ?? []) {
    if (value.case === 'dimValue' && (value.value < -1n || value.value > 0x7fffffffn)) {
      throw invalid(
        `its value ${JSON.stringify(name)} is declared to have an axis of ${value.value} elements`,
      )
    }
  }
}

/** Checks that a tensor message holds as many elements as its dims say. */
function checkTensor(tensor: TensorProto): void {
  const size = dimsOf(tensor).reduce((product, extent) => product * extent, 1)
  if (tensor.dataType === 8) {
    if (tensor.stringData.length !== size) throw wrongSize(tensor, size, tensor.stringData.length)
    return
  }
  const { bytes } = elementTypeOf(tensor.dataType)
  if (size * bytes > largestTensor)
    throw invalid(`its tensor ${JSON.stringify(tensor.name)} claims ${size} elements`)
  if (tensor.dataLocation === 1) return
  const held =
    tensor.rawData.length > 0
      ? tensor.rawData.length / bytes
      : tensor.floatData.length +
        tensor.doubleData.length +
        tensor.int32Data.length +
        tensor.int64Data.length +
        tensor.uint64Data.length
  if (held !== size) throw wrongSize(tensor, size, held)
}

function wrongSize({ name }: TensorProto, size: number, held: number): InducedMetricError {
  return invalid(`its tensor ${JSON.stringify(name)} must have ${size} elements, and has ${held}`)
}

function invalid(reason: string): InducedMetricError {
  return optionError(`the model is not valid ONNX: ${reason}`)
}
