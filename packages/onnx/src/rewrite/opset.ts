import { attributeOf, createAttribute, floatOf, intOf, intsOf } from '../proto/attribute.js'
import { dataType } from '../proto/dataType.js'
import { freshNames, namesIn, subgraphsOf } from '../proto/graph.js'
import { canonicalDomain, opsetOf, setOpset, type Model } from '../proto/model.js'
import { unsupported } from '@induced-metric/core/adapter'
import { createNode } from '../proto/node.js'
import type { GraphProto, NodeProto, TensorProto } from '../proto/onnx_pb.js'
import { int64Tensor, realTensor } from '../proto/tensor.js'
import { own } from '../own.js'

/** The oldest version of ONNX's operators that {@link upgradeOperators} accepts. */
export const oldestOpset = 11

/** Adds nodes and constants that replace a node. */
interface Upgrade {
  readonly node: NodeProto
  readonly constant: (tensor: TensorProto) => string
  readonly fresh: (hint: string) => string
  readonly push: (node: NodeProto) => void
}

type Rule = (upgrade: Upgrade) => void

/** Since version 13 the axes, or the lengths of the parts, are an input. */
function asInput(attribute: string): Rule {
  return ({ node, constant, push }) => {
    const given = intsOf(node, attribute)
    if (given && node.input.length < 2) node.input = [node.input[0]!, constant(int64Tensor('', given))]
    node.attribute = node.attribute.filter(({ name }) => name !== attribute)
    push(node)
  }
}

/** Before version 13, all axes from the given one on were normalised as one. */
const flattened: Rule = ({ node, fresh, push }) => {
  const [x, y] = [node.input[0]!, node.output[0]!]
  const [rows, normalized, shape] = [fresh(`${y}/rows`), fresh(`${y}/normalized`), fresh(`${y}/shape`)]
  const axis = intOf(node, 'axis', 1)
  push(createNode('Flatten', [x], [rows], { axis }))
  push(createNode(node.opType, [rows], [normalized], { axis: 1 }))
  push(createNode('Shape', [x], [shape]))
  push(createNode('Reshape', [normalized, shape], [y]))
}

/** Since version 12 the ratio is an input, and dropping must be requested. */
const dropout: Rule = ({ node, constant, push }) => {
  if (attributeOf(node, 'ratio')) {
    node.input = [node.input[0]!, constant(realTensor('', [floatOf(node, 'ratio', 0.5)], dataType.float))]
    node.attribute = node.attribute.filter(({ name }) => name !== 'ratio')
  }
  push(node)
}

/** Since version 14 training must be requested, and returns the running statistics only. */
const batchNormalization: Rule = ({ node, push }) => {
  if (node.output.length > 1) {
    node.output = node.output.slice(0, 3)
    node.attribute.push(createAttribute('training_mode', 1))
  }
  push(node)
}

/** Operators by the version that changed their meaning. */
const since13: Readonly<Record<string, Rule>> = {
  Squeeze: asInput('axes'),
  Unsqueeze: asInput('axes'),
  ReduceSum: asInput('axes'),
  Split: asInput('split'),
  Softmax: flattened,
  LogSoftmax: flattened,
  Hardmax: flattened,
  Dropout: dropout,
}
const since14: Readonly<Record<string, Rule>> = { BatchNormalization: batchNormalization }

/** The version that {@link upgradeOperators} upgrades to. Its operators mean the same up to version 17. */
export const upgradedOpset = 14

/**
 * Rewrites the operators of a graph, and of the graphs inside it, whose meaning changed up to version 14.
 *
 * @param graph is changed
 * @param opset its version, at least {@link oldestOpset}
 */
export function upgradeOperators(graph: GraphProto, opset: number): void {
  const rules: Readonly<Record<string, Rule>> = { ...(opset < 13 && since13), ...(opset < 14 && since14) }
  const fresh = freshNames(namesIn(graph))
  let count = 0
  // Constants go to the outermost graph, because inner graphs see them, too.
  const constant = (tensor: TensorProto): string => {
    const name = fresh(`upgraded/constant_${++count}`)
    graph.initializer.push({ ...tensor, name })
    return name
  }
  const upgrade = (within: GraphProto): void => {
    const nodes: NodeProto[] = []
    for (const node of within.node) {
      subgraphsOf(node).forEach(upgrade)
      const rule = canonicalDomain(node.domain) === '' ? own(rules, node.opType) : undefined
      if (rule) rule({ node, constant, fresh, push: (made) => nodes.push(made) })
      else nodes.push(node)
    }
    within.node = nodes
  }
  upgrade(graph)
}

/** The newest version in which the operators mean what they do in {@link upgradedOpset}. */
const sameUntil = 17

/**
 * Brings a model to a newer version of ONNX's operators.
 *
 * @param model is changed; it has no functions
 * @throws ERR_NOT_SUPPORTED for a version that it cannot be brought to
 */
export function raiseOpset(model: Model, version: number): void {
  const opset = opsetOf(model)!
  if (opset === version) return
  if (opset > version || opset < oldestOpset || version > sameUntil || version < upgradedOpset) {
    throw unsupported(
      `a model in version ${opset} of ONNX's operators cannot be brought to version ${version}; convert it`,
    )
  }
  upgradeOperators(model.graph, opset)
  setOpset(model, '', version)
}
