import { neededNodes, type Graph, type GraphNode } from '../../../graph/graph.js'

/**
 * Finds the conditions under which outputs need a node: scalar nodes, one of which is greater than 0 wherever the node's value
 * is read. There are none for a node that every step may need.
 *
 * Of the `when`s between an output and a node, it is the nearest to the node that counts.
 */
export function conditionsOf(graph: Graph, outputs: readonly string[]): (node: number) => readonly number[] {
  const { nodes } = graph
  const always = new Set(outputs.map((name) => graph.outputs[name]!))
  const conditions = new Map<number, Set<number>>()
  // Users of a node come after it.
  for (const user of neededNodes(graph, outputs).reverse()) {
    nodes[user]!.inputs.forEach((node, place) => {
      if (isChoice(nodes[user]!, place)) join(conditions, node, [nodes[user]!.inputs[0]!])
      else if (always.has(user)) always.add(node)
      else join(conditions, node, conditions.get(user)!)
    })
  }
  return (node) => (always.has(node) ? [] : [...(conditions.get(node) ?? [])])
}

/** Whether an operand is the one that a `when` reads only where its condition holds. */
function isChoice({ op }: GraphNode, place: number): boolean {
  return op === 'when' && place === 1
}

function join(conditions: Map<number, Set<number>>, node: number, more: Iterable<number>): void {
  const all = conditions.get(node) ?? new Set()
  for (const condition of more) all.add(condition)
  conditions.set(node, all)
}
