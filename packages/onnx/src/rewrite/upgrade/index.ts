import { unsupported } from '@induced-metric/core/adapter'
import { freshNames, namesIn, subgraphsOf } from '../../proto/graph.js'
import { canonicalDomain, opsetOf, setOpset, type Model } from '../../proto/model.js'
import type { GraphProto, NodeProto, TensorProto } from '../../proto/onnx_pb.js'
import { own } from '../../own.js'
import type { ValueTypes } from '../valueTypes.js'
import type { UpgradeRules } from './context.js'
import { early } from './early.js'
import { experimental } from './experimental.js'
import { late } from './late.js'
import { knownTypes } from './types.js'

/** The oldest version of ONNX's operators that training models may use. */
export const oldestOpset = 11

/** The version that forward models are brought to if they are older. Its operators mean the same up to version 15. */
export const upgradedOpset = 14

/** The newest version that {@link upgradeOperators} can bring a graph to. */
const newest = 22

/** From this version on, the experimental operators were gone. */
const withoutExperiments = 9

/** The rules by the version that they bring operators to, in order. */
const steps: readonly (readonly [version: number, rules: UpgradeRules])[] = [
  ...Object.entries(early),
  ...Object.entries(late),
].map(([version, rules]) => [Number(version), rules])

/**
 * Rewrites the operators of a graph, and of the graphs inside it, whose meaning or form changed between two versions
 * of ONNX's operators, one version after another. Operators of other domains stay.
 *
 * @param graph is changed; its nodes are in order of computation
 * @param opset its version
 * @param to the version to bring it to, at most 22
 * @throws ERR_NOT_SUPPORTED for a node that has no equivalent, or whose equivalent depends on what is not known
 */
export function upgradeOperators(graph: GraphProto, opset: number, to = upgradedOpset): void {
  const fresh = freshNames(namesIn(graph))
  let count = 0
  // Constants go to the outermost graph, because inner graphs see them, too.
  const constant = (tensor: TensorProto): string => {
    const name = fresh(`upgraded/constant_${++count}`)
    graph.initializer.push(Object.assign(tensor, { name }))
    return name
  }
  const apply = (rules: UpgradeRules, within: GraphProto, outer?: ValueTypes): void => {
    const types = knownTypes(within, outer)
    const nodes: NodeProto[] = []
    const rankOf = (name: string): number | undefined => types.get(name).shape?.length
    for (const node of within.node) {
      for (const inner of subgraphsOf(node)) apply(rules, inner, types)
      const rule = canonicalDomain(node.domain) === '' ? own(rules, node.opType) : undefined
      if (rule) rule({ node, constant, fresh, push: (made) => nodes.push(made), types, rankOf })
      else nodes.push(node)
    }
    within.node = nodes
  }
  const step = (rules: UpgradeRules): void => {
    if (uses(graph, rules)) apply(rules, graph)
  }
  if (opset < withoutExperiments) step(experimental)
  for (const [version, rules] of steps) if (version > opset && version <= to) step(rules)
}

function uses(graph: GraphProto, rules: UpgradeRules): boolean {
  return graph.node.some(
    (node) =>
      (canonicalDomain(node.domain) === '' && Object.hasOwn(rules, node.opType)) ||
      subgraphsOf(node).some((inner) => uses(inner, rules)),
  )
}

/**
 * Brings a model to a newer version of ONNX's operators.
 *
 * @param model is changed; it has no functions
 * @throws ERR_NOT_SUPPORTED for a version that it cannot be brought to
 */
export function raiseOpset(model: Model, version: number): void {
  const opset = opsetOf(model)!
  if (opset === version) return
  if (opset > version || version > newest) {
    throw unsupported(
      `a model in version ${opset} of ONNX's operators cannot be brought to version ${version}; convert it`,
    )
  }
  upgradeOperators(model.graph, opset, version)
  setOpset(model, '', version)
}
