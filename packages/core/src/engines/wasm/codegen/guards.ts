import type { Graph } from '../../../graph/graph.js'

/**
 * When something is needed: in one of several cases, each of which is a list of conditions. Condition c ≥ 0 means that the
 * scalar of node c is greater than 0, and ~c that it is not. Without a guard, something is always needed.
 */
export type Guard = readonly (readonly number[])[] | undefined

/** The guard of a node. */
export type GuardOf = (node: number) => Guard

/** More cases than this count as always. */
const mostCases = 8

/**
 * Finds the nodes that only one side of a `when` needs.
 *
 * @param available nodes that need not be computed, with what is before them
 */
export function findGuards(
  graph: Graph,
  outputs: readonly string[],
  available: ReadonlySet<number>,
): GuardOf {
  /** By node: its cases, by their text. The case without conditions stands for all. */
  const found = new Map<number, Map<string, readonly number[]>>()
  const visit = (node: number, conditions: readonly number[]): void => {
    let cases = found.get(node)
    if (!cases) found.set(node, (cases = new Map<string, readonly number[]>()))
    const isAlways = conditions.length === 0 || cases.size >= mostCases
    const key = isAlways ? '' : conditions.join()
    if (cases.has('') || cases.has(key)) return
    const given = isAlways ? [] : conditions
    cases.set(key, given)
    if (available.has(node)) return
    const { op, inputs } = graph.nodes[node]!
    inputs.forEach((input, i) => {
      visit(input, op === 'when' && i > 0 ? withCondition(given, i === 1 ? inputs[0]! : ~inputs[0]!) : given)
    })
  }
  for (const name of outputs) visit(graph.outputs[name]!, [])
  return (node) => {
    const cases = found.get(node)
    return cases === undefined || cases.has('') ? undefined : [...cases.values()]
  }
}

function withCondition(conditions: readonly number[], added: number): readonly number[] {
  return [...new Set([...conditions, added])].sort((a, b) => a - b)
}

/** The guard of work for several nodes: that of all of them together. */
export function joinGuards(guards: readonly Guard[]): Guard {
  const cases = new Map<string, readonly number[]>()
  for (const guard of guards) {
    if (guard === undefined) return undefined
    for (const conditions of guard) cases.set(conditions.join(), conditions)
  }
  return [...cases.values()]
}

/** Whether a guard's work is needed, with the values of scalar nodes. */
export function isNeeded(guard: Guard, values: Float64Array): boolean {
  const holds = (condition: number): boolean =>
    condition >= 0 ? values[condition]! > 0 : !(values[~condition]! > 0)
  return guard === undefined || guard.some((conditions) => conditions.every(holds))
}

/** The scalars that guards look at. */
export function scalarsOf(guards: readonly Guard[]): Set<number> {
  return new Set(guards.flatMap((guard) => guard ?? []).flatMap((each) => each.map((c) => (c >= 0 ? c : ~c))))
}

/** Groups nodes by their guards: first those that are always needed. */
export function groupByGuard(
  nodes: readonly number[],
  guardOf: GuardOf,
): { readonly guard: Guard; readonly members: ReadonlySet<number> }[] {
  const groups = new Map<string, { guard: Guard; members: Set<number> }>()
  for (const node of nodes) {
    const guard = guardOf(node)
    const key = guard?.map((conditions) => conditions.join()).join(';') ?? ''
    const group = groups.get(key)
    if (group) group.members.add(node)
    else groups.set(key, { guard, members: new Set([node]) })
  }
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => group)
}
