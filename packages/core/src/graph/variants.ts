import { hashText, neededNodes, type Graph, type GraphNode } from './graph.js'
import { compileScalarNodes, type Scalars } from './hostScalars.js'

/**
 * Returns the graph of a step in which every `when` is replaced by the value that the step takes. An output that is not
 * fresh is then computed from nothing but what is kept.
 *
 * @param scalars the scalar inputs that its conditions read: those of the step and of hyperparameters
 */
export type VariantOf<G extends Graph> = (scalars: Scalars) => G

/**
 * Prepares the variants of a graph: it has one for each way in which the conditions of its `when`s can turn out. Each is
 * made when it is first needed, and is the same object afterwards.
 */
export function prepareVariants<G extends Graph>(graph: G): VariantOf<G> {
  const conditions = conditionsOf(graph)
  if (conditions.length === 0) return () => graph
  const evaluate = compileScalarNodes(graph, neededFor(graph, conditions))
  const values = new Float64Array(graph.nodes.length)
  const variants = new Map<string, G>()
  return (scalars) => {
    evaluate(values, scalars)
    let key = ''
    for (const index of conditions) key += values[index]! > 0 ? '1' : '0'
    let variant = variants.get(key)
    if (!variant) variants.set(key, (variant = resolve(graph, conditions, key)))
    return variant
  }
}

/** The conditions of a graph's `when`s, each once, as indices of nodes. */
function conditionsOf({ nodes }: Graph): number[] {
  return [...new Set(nodes.flatMap(({ op, inputs }) => (op === 'when' ? [inputs[0]!] : [])))]
}

function neededFor(graph: Graph, indices: readonly number[]): number[] {
  const outputs = Object.fromEntries(indices.map((index) => [String(index), index]))
  return neededNodes({ ...graph, outputs }, Object.keys(outputs))
}

/** The variant of a graph in which the conditions of a key, one digit for each, are decided. */
function resolve<G extends Graph>(graph: G, conditions: readonly number[], key: string): G {
  const decided = new Map(conditions.map((index, i) => [index, key[i] === '1']))
  const places: number[] = []
  const nodes: GraphNode[] = []
  graph.nodes.forEach((node, index) => {
    const { op, inputs } = node
    if (op === 'when') places[index] = places[decided.get(inputs[0]!)! ? inputs[1]! : inputs[2]!]!
    else places[index] = nodes.push({ ...node, inputs: inputs.map((i) => places[i]!) }) - 1
  })
  const outputs = Object.fromEntries(
    Object.entries(graph.outputs).map(([name, index]) => [name, places[index]!]),
  )
  return { ...graph, nodes, outputs, hash: hashText(`${graph.hash} ${key}`) }
}
