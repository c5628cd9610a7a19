import type { Graph } from '../../../graph/graph.js'
import { draftLoops, draftWritingLoops } from './draftLoops.js'
import type { DraftStage, Factor } from './draftStage.js'
import { findGuards, joinGuards, scalarsOf, type GuardOf } from './guards.js'
import { isBarrier, isHosted, isReduction, isVectorShape, needsWhole } from './nodes.js'

/** A pass before its tensors have locations. */
export interface DraftPass {
  /** Scalars that are known before the tensors are read. */
  readonly early: number[]
  readonly stages: DraftStage[]
  /** Nodes stored in scratch memory. */
  readonly stored: number[]
  /** Scalars that depend on tensors. */
  readonly late: number[]
  /** The nodes it takes over from an earlier pass. */
  readonly reused: ReadonlySet<number>
}

/**
 * Orders the work of a pass in stages.
 *
 * @param available nodes that an earlier pass has computed
 * @param later outputs of a later pass, which may read what this one stores
 */
export function draftPass(
  graph: Graph,
  outputs: readonly string[],
  available: ReadonlySet<number>,
  later: readonly string[] = [],
): DraftPass {
  const { nodes } = graph
  const isTensor = (i: number): boolean => nodes[i]!.shape !== 'scalar'
  const { levels, order } = orderNodes(graph, outputs, available)
  const guardOf = findGuards(graph, [...outputs, ...later], available)
  const levelOf = (i: number): number => levels.get(i)!
  const roots = outputs.map((name) => graph.outputs[name]!)
  const last = Math.max(...roots.map(levelOf))

  const barriers = order.filter((i) => isBarrier(graph, i))
  const toStore = nodesToStore(graph, order, barriers, available)
  const written = outputs.filter((name) => isTensor(graph.outputs[name]!))
  const sumsOfWritten = findSumsOfWritten(graph, written, roots, order)
  const inMemory = new Set(available)
  const stages: DraftStage[] = []
  const isLate = (i: number): boolean => !isTensor(i) && nodes[i]!.op !== 'sum' && levelOf(i) > 0
  for (let level = 0; level <= last; level++) {
    const scalars = order.filter((i) => isLate(i) && levelOf(i) === level)
    if (scalars.length > 0) stages.push({ kind: 'scalars', nodes: scalars })

    const stores = order.filter((i) => toStore.has(i) && levelOf(i) === level)
    const next = order.filter((i) => levelOf(i) === level + 1)
    const sums = next.filter((i) => nodes[i]!.op === 'sum' && !sumsOfWritten.includes(i))
    const reductions = next.filter((i) => isReduction(graph, i))
    stages.push(...draftLoops(graph, { sums, reductions, stores }, inMemory, guardOf))
    stages.push(
      ...draftBarriers(
        graph,
        next.filter((i) => isBarrier(graph, i)),
        available,
        guardOf,
      ),
    )
    for (const node of next) if (isBarrier(graph, node)) inMemory.add(node)
  }
  stages.push(...draftWritingLoops(graph, sumsOfWritten, written, inMemory))
  return {
    early: withConditions(
      graph,
      order.filter((i) => !isTensor(i) && levelOf(i) === 0),
      stages,
    ),
    stages,
    stored: [...inMemory].filter((i) => !available.has(i)),
    late: order.filter((i) => !isTensor(i) && levelOf(i) > 0),
    reused: new Set([...levels.keys()].filter((i) => available.has(i))),
  }
}

/** Scalars, and those that the guards of stages look at, which may be conditions of a later pass. */
function withConditions(graph: Graph, scalars: readonly number[], stages: readonly DraftStage[]): number[] {
  const all = new Set(scalars)
  const visit = (node: number): void => {
    if (all.has(node)) return
    all.add(node)
    graph.nodes[node]!.inputs.forEach(visit)
  }
  scalarsOf(stages.map(({ guard }) => guard)).forEach(visit)
  return [...all].sort((a, b) => a - b)
}

/**
 * The nodes whose tensors later stages read: operands of barriers, and vectors that are spread over a matrix, so that no
 * loop computes an element of them for each of its lines.
 */
function nodesToStore(
  graph: Graph,
  order: readonly number[],
  barriers: readonly number[],
  available: ReadonlySet<number>,
): ReadonlySet<number> {
  const { nodes } = graph
  const operands = barriers.flatMap((i) => inputsOf(graph, i, available))
  const spread = order
    .filter((i) => !isVectorShape(nodes[i]!.shape) && !isBarrier(graph, i) && !needsWhole(graph, i))
    .flatMap((i) => nodes[i]!.inputs.filter((j) => isVectorShape(nodes[j]!.shape)))
  return new Set(
    [...operands, ...spread].filter((i) => {
      const { op, shape } = nodes[i]!
      return shape !== 'scalar' && op !== 'input' && !available.has(i) && !isStoredAnyway(graph, i)
    }),
  )
}

function isStoredAnyway(graph: Graph, i: number): boolean {
  return isBarrier(graph, i) || isReduction(graph, i)
}

/**
 * The sums over written tensors that nothing else reads. They are computed in the loop that writes, since the tensors they
 * are computed from are gone afterwards.
 */
function findSumsOfWritten(
  { nodes, outputs }: Graph,
  written: readonly string[],
  roots: readonly number[],
  order: readonly number[],
): number[] {
  const shapes = new Set(written.map((name) => nodes[outputs[name]!]!.shape))
  return roots.filter(
    (i) =>
      nodes[i]!.op === 'sum' &&
      order.includes(i) &&
      shapes.has(nodes[nodes[i]!.inputs[0]!]!.shape) &&
      !order.some((j) => nodes[j]!.inputs.includes(i)),
  )
}

/** A factor of a product. Transpositions are skipped, as the product reads either form. */
function factorOf(graph: Graph, i: number, available: ReadonlySet<number>, transposed = false): Factor {
  const { op, inputs } = graph.nodes[i]!
  return op === 'transpose' && !available.has(i)
    ? factorOf(graph, inputs[0]!, available, !transposed)
    : { node: i, transposed }
}

/** The nodes that a node is computed from in this pass. */
function inputsOf(graph: Graph, i: number, available: ReadonlySet<number>): number[] {
  if (available.has(i)) return []
  const { op, inputs } = graph.nodes[i]!
  return op === 'matmul' ? inputs.map((j) => factorOf(graph, j, available).node) : [...inputs]
}

/**
 * The nodes that outputs need.
 *
 * @returns `levels`: of each node, the number of barriers, reductions and sums on the way to it, itself included; `order`:
 *   the nodes to compute, each after its inputs
 */
function orderNodes(
  graph: Graph,
  outputs: readonly string[],
  available: ReadonlySet<number>,
): { levels: ReadonlyMap<number, number>; order: readonly number[] } {
  const levels = new Map<number, number>()
  const levelOf = (i: number): number => {
    let level = levels.get(i)
    if (level === undefined) {
      level = Math.max(0, ...inputsOf(graph, i, available).map(levelOf))
      if (!available.has(i) && needsWhole(graph, i)) level++
      levels.set(i, level)
    }
    return level
  }
  for (const name of outputs) levelOf(graph.outputs[name]!)
  return { levels, order: [...levels.keys()].sort((a, b) => a - b).filter((i) => !available.has(i)) }
}

/** The stages of barriers. The eigenvalues and the eigenvectors of a matrix share one. */
function draftBarriers(
  graph: Graph,
  barriers: readonly number[],
  available: ReadonlySet<number>,
  guardOf: GuardOf,
): DraftStage[] {
  const isEigen = (i: number): boolean => graph.nodes[i]!.op.startsWith('eigen')
  const stages: DraftStage[] = []
  for (const node of barriers) {
    const guard = guardOf(node)
    if (!isEigen(node)) {
      stages.push({ ...draftBarrier(graph, node, available), guard })
      continue
    }
    const [operand] = graph.nodes[node]!.inputs
    const both = barriers.filter((i) => isEigen(i) && graph.nodes[i]!.inputs[0] === operand)
    if (both[0] !== node) continue
    stages.push({ kind: 'hosted', nodes: both, operands: [operand!], guard: joinGuards(both.map(guardOf)) })
  }
  return stages
}

function draftBarrier(graph: Graph, node: number, available: ReadonlySet<number>): DraftStage {
  const { op, inputs } = graph.nodes[node]!
  const [a, b] = inputs as [number, number]
  if (isHosted(graph, node)) return { kind: 'hosted', nodes: [node], operands: inputs }
  if (op === 'transpose') return { kind: 'transpose', node, from: a }
  return { kind: 'matmul', node, a: factorOf(graph, a, available), b: factorOf(graph, b, available) }
}

/** The tensors a stage reads from memory. */
export function readNodes(graph: Graph, stage: DraftStage): readonly number[] {
  switch (stage.kind) {
    case 'scalars':
      return []
    case 'loop':
      return stage.loop.loads
    case 'matmul':
      return [stage.a.node, stage.b.node]
    case 'transpose':
      return [stage.from]
    case 'hosted':
      return stage.operands.filter((i) => graph.nodes[i]!.shape !== 'scalar')
  }
}

/** The tensors a stage stores in scratch memory. */
export function storedNodes(stage: DraftStage): readonly number[] {
  if (stage.kind === 'scalars') return []
  if (stage.kind === 'hosted') return stage.nodes
  if (stage.kind !== 'loop') return [stage.node]
  const { stores, lines } = stage.loop
  return [...(stage.outputs.length > 0 ? [] : stores), ...(lines?.ofLines ?? []), ...(lines?.ofPlaces ?? [])]
}
