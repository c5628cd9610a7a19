import type { ValueTypes } from '../rewrite/valueTypes.js'
import { capturedBy, neededFor } from '../proto/graph.js'
import { canonicalDomain } from '../proto/model.js'
import type { GraphProto, NodeProto } from '../proto/onnx_pb.js'
import { isReal, noGradient, ruleOf } from '../gradients/context.js'
import type { GradientTable } from '../gradients/table.js'

/** A node at which gradients end. */
export interface GradientStop {
  /** As `domain::operator`. */
  readonly operator: string
  /** The node's name, or that of its first output. */
  readonly node: string
}

/** A parameter that no gradient reaches. */
export interface UnreachedParameter {
  readonly name: string
  /**
   * The nodes that stop gradients on the ways from the loss to the parameter; empty if the loss does not depend on
   * it.
   */
  readonly stoppedBy: readonly GradientStop[]
}

/**
 * Finds the nodes that keep gradients from parameters.
 *
 * @param graph the forward graph, its nodes in order of computation
 * @param loss the value with the seed gradient
 * @param reached the values that have gradients
 */
export function findStops(
  graph: GraphProto,
  types: ValueTypes,
  loss: string,
  unreached: readonly string[],
  reached: ReadonlySet<string>,
  table: GradientTable,
): UnreachedParameter[] {
  if (unreached.length === 0) return []
  const needed = neededFor(graph.node, [loss])
  const readers = new Map<string, NodeProto[]>()
  for (const node of graph.node) {
    if (!node.output.some((name) => needed.has(name))) continue
    for (const name of new Set([...node.input, ...capturedBy(node)])) {
      const found = readers.get(name)
      if (found) found.push(node)
      else readers.set(name, [node])
    }
  }
  const goesOn = (node: NodeProto): boolean =>
    ruleOf(table, node) !== noGradient &&
    node.output.some((name) => name !== '' && isReal(types.get(name).dataType) && !reached.has(name))
  return unreached.map((name) => {
    const seen = new Set([name])
    const stops = new Set<NodeProto>()
    for (const value of seen) {
      for (const node of readers.get(value) ?? []) {
        if (!goesOn(node)) stops.add(node)
        else for (const output of node.output) if (output !== '') seen.add(output)
      }
    }
    return { name, stoppedBy: [...stops].map(stopAt) }
  })
}

/** Explains in words why no gradient reaches a parameter. */
export function explainStops({ name, stoppedBy }: UnreachedParameter): string {
  const shown = JSON.stringify(name)
  if (stoppedBy.length === 0) return `the loss does not depend on ${shown}`
  const stops = stoppedBy.map(({ operator, node }) => `${operator} (${JSON.stringify(node)})`)
  return `no gradient reaches ${shown}: it is stopped by ${stops.slice(0, 3).join(', ')}`
}

function stopAt({ domain, opType, name, output }: NodeProto): GradientStop {
  return {
    operator: `${canonicalDomain(domain) || 'ai.onnx'}::${opType}`,
    node: name === '' ? (output.find((given) => given !== '') ?? '') : name,
  }
}
