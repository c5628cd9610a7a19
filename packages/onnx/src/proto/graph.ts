import type { GraphProto, NodeProto } from './onnx_pb.js'

/** The graphs inside a node: branches and bodies of loops. */
export function subgraphsOf(node: NodeProto): GraphProto[] {
  return node.attribute.flatMap(({ g, graphs }) => (g ? [g, ...graphs] : graphs))
}

/** The nodes of a graph and of the graphs inside it. */
export function allNodes({ node }: GraphProto): NodeProto[] {
  return node.flatMap((one) => [one, ...subgraphsOf(one).flatMap(allNodes)])
}

/** Every name that a graph uses for a value or a node, including those in the graphs inside it. */
export function namesIn(graph: GraphProto): Set<string> {
  const names = new Set<string>()
  const visit = (inner: GraphProto): void => {
    for (const { name } of [...inner.input, ...inner.output, ...inner.valueInfo, ...inner.initializer]) {
      names.add(name)
    }
    for (const node of inner.node) {
      names.add(node.name)
      for (const name of [...node.input, ...node.output]) names.add(name)
      subgraphsOf(node).forEach(visit)
    }
  }
  visit(graph)
  return names
}

/** Creates a function that returns names which are not in a set yet, and adds them to it. */
export function freshNames(names: Set<string>): (hint: string) => string {
  const counts = new Map<string, number>()
  return (hint) => {
    let name = hint
    for (let i = counts.get(hint) ?? 2; names.has(name); i++) {
      name = `${hint}_${i}`
      counts.set(hint, i + 1)
    }
    names.add(name)
    return name
  }
}

/** Renames a value of a graph. The graph must not use the new name yet. */
export function renameValue(graph: GraphProto, from: string, to: string): void {
  const rename = (name: string): string => (name === from ? to : name)
  for (const tensor of graph.initializer) tensor.name = rename(tensor.name)
  const visit = (nodes: readonly NodeProto[]): void => {
    for (const node of nodes) {
      node.input = node.input.map(rename)
      node.output = node.output.map(rename)
      for (const inner of subgraphsOf(node)) {
        // An inner graph may have a value of its own with that name.
        const own = [...inner.input, ...inner.initializer].map(({ name }) => name)
        if (own.includes(from) || inner.node.some(({ output }) => output.includes(from))) continue
        visit(inner.node)
        for (const value of inner.output) value.name = rename(value.name)
      }
    }
  }
  visit(graph.node)
}

/** Renames values and nodes of a graph and of those inside it, all at once. The new names must not be in use. */
export function renameValues(graph: GraphProto, names: ReadonlyMap<string, string>): void {
  const rename = (name: string): string => names.get(name) ?? name
  const { input, output, valueInfo, initializer, sparseInitializer } = graph
  for (const value of [...input, ...output, ...valueInfo, ...initializer]) value.name = rename(value.name)
  for (const { values } of sparseInitializer) if (values) values.name = rename(values.name)
  for (const node of graph.node) {
    node.name = rename(node.name)
    node.input = node.input.map(rename)
    node.output = node.output.map(rename)
    for (const inner of subgraphsOf(node)) renameValues(inner, names)
  }
}

/** The values that a graph reads of those around it. */
export function capturedIn(graph: GraphProto): readonly string[] {
  const captured = new Set<string>()
  const visit = (within: GraphProto, outer: ReadonlySet<string>): void => {
    const own = new Set([...outer, ...[...within.input, ...within.initializer].map(({ name }) => name)])
    for (const inner of within.node) {
      for (const name of inner.input) if (name !== '' && !own.has(name)) captured.add(name)
      for (const subgraph of subgraphsOf(inner)) visit(subgraph, own)
      for (const name of inner.output) own.add(name)
    }
    for (const { name } of within.output) if (!own.has(name)) captured.add(name)
  }
  visit(graph, new Set())
  return [...captured]
}

/** The outer values that the graphs inside a node read. */
export function capturedBy(node: NodeProto): readonly string[] {
  return [...new Set(subgraphsOf(node).flatMap(capturedIn))]
}

/**
 * The values that the given ones are computed from, including the given ones.
 *
 * @param nodes in order of computation
 */
export function neededFor(nodes: readonly NodeProto[], values: Iterable<string>): ReadonlySet<string> {
  const needed = new Set(values)
  for (const node of [...nodes].reverse()) {
    if (!node.output.some((name) => needed.has(name))) continue
    for (const name of [...node.input, ...capturedBy(node)]) if (name !== '') needed.add(name)
  }
  return needed
}

/**
 * Drops the nodes and constants that the given values, by default the outputs, do not depend on.
 *
 * @param graph is changed
 * @returns the names that those values depend on
 */
export function dropUnused(
  graph: GraphProto,
  values: Iterable<string> = graph.output.map(({ name }) => name),
): ReadonlySet<string> {
  const needed = neededFor(graph.node, values)
  graph.node = graph.node.filter(({ output }) => output.some((name) => needed.has(name)))
  graph.initializer = graph.initializer.filter(({ name }) => needed.has(name))
  return needed
}
