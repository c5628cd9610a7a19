import type { Graph } from '../../../graph/graph.js'

/** The conditions of a node: it is needed only where one of them is greater than 0. `undefined` if it always is. */
export type GuardOf = (node: number) => readonly number[] | undefined

/**
 * Finds the nodes that only the fresh values of `when`s need.
 *
 * @param available nodes that need not be computed, with what is before them
 */
export function findGuards(
  graph: Graph,
  outputs: readonly string[],
  available: ReadonlySet<number>,
): GuardOf {
  /** By node: its conditions, or `'always'`. */
  const found = new Map<number, Set<number> | 'always'>()
  const visit = (node: number, condition: number | undefined): void => {
    const known = found.get(node)
    if (known === 'always' || (condition !== undefined && known?.has(condition))) return
    if (condition === undefined) found.set(node, 'always')
    else if (known) known.add(condition)
    else found.set(node, new Set([condition]))
    if (available.has(node)) return
    const { op, inputs } = graph.nodes[node]!
    // Within a fresh value, the outer condition decides.
    inputs.forEach((input, i) =>
      visit(input, op === 'when' && i === 1 ? (condition ?? inputs[0]) : condition),
    )
  }
  for (const name of outputs) visit(graph.outputs[name]!, undefined)
  return (node) => {
    const conditions = found.get(node)
    return conditions === undefined || conditions === 'always'
      ? undefined
      : [...conditions].sort((a, b) => a - b)
  }
}

/** The guard of work for several nodes: that of all of them together. */
export function joinGuards(
  guards: readonly (readonly number[] | undefined)[],
): readonly number[] | undefined {
  const conditions = new Set<number>()
  for (const guard of guards) {
    if (guard === undefined) return undefined
    for (const condition of guard) conditions.add(condition)
  }
  return [...conditions].sort((a, b) => a - b)
}

/** Groups nodes by their guards: first those that are always needed. */
export function groupByGuard(
  nodes: readonly number[],
  guardOf: GuardOf,
): { readonly guard: readonly number[] | undefined; readonly members: ReadonlySet<number> }[] {
  const groups = new Map<string, { guard: readonly number[] | undefined; members: Set<number> }>()
  for (const node of nodes) {
    const guard = guardOf(node)
    const key = guard?.join() ?? ''
    const group = groups.get(key)
    if (group) group.members.add(node)
    else groups.set(key, { guard, members: new Set([node]) })
  }
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => group)
}
