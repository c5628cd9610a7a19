import type { Shape } from '../../../graph/algebra.js'
import type { Graph } from '../../../graph/graph.js'
import type { Loop } from './loop.js'

/** A stage before its tensors have locations: it names nodes only. */
export type DraftStage =
  | { kind: 'scalars'; nodes: number[] }
  | { kind: 'loop'; loop: Loop; shape: Shape; outputs: readonly string[] }
  | { kind: 'matmul'; node: number; a: Factor; b: Factor }
  | { kind: 'transpose'; node: number; from: number }

/** A factor of a matrix product. */
export interface Factor {
  readonly node: number
  readonly transposed: boolean
}

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
 */
export function draftPass(
  graph: Graph,
  outputs: readonly string[],
  available: ReadonlySet<number>,
): DraftPass {
  const { nodes } = graph
  const isTensor = (i: number): boolean => nodes[i]!.shape !== 'scalar'
  const { levels, order } = orderNodes(graph, outputs, available)
  const levelOf = (i: number): number => levels.get(i)!
  const roots = outputs.map((name) => graph.outputs[name]!)
  const last = Math.max(...roots.map(levelOf))

  const barriers = order.filter((i) => isBarrier(graph, i))
  const toStore = new Set(
    barriers
      .flatMap((i) => inputsOf(graph, i, available))
      .filter((i) => nodes[i]!.op !== 'input' && !available.has(i) && !isBarrier(graph, i)),
  )
  const written = outputs.filter((name) => isTensor(graph.outputs[name]!))
  // Sums over the written tensors are computed in the loop that writes.
  const sumsOfWritten =
    written.length > 0 ? roots.filter((i) => nodes[i]!.op === 'sum' && !available.has(i)) : []
  const inMemory = new Set(available)
  const stages: DraftStage[] = []
  const isLate = (i: number): boolean => !isTensor(i) && nodes[i]!.op !== 'sum' && levelOf(i) > 0
  for (let level = 0; level <= last; level++) {
    const scalars = order.filter((i) => isLate(i) && levelOf(i) === level)
    if (scalars.length > 0) stages.push({ kind: 'scalars', nodes: scalars })

    const stores = order.filter((i) => toStore.has(i) && levelOf(i) === level)
    const sums = order.filter(
      (i) => nodes[i]!.op === 'sum' && levelOf(i) === level + 1 && !sumsOfWritten.includes(i),
    )
    stages.push(...draftLoops(graph, sums, stores, inMemory))
    for (const node of stores) inMemory.add(node)

    for (const node of barriers.filter((i) => levelOf(i) === level + 1)) {
      stages.push(draftBarrier(graph, node, available))
      inMemory.add(node)
    }
  }
  if (written.length > 0) {
    const stores = written.map((name) => graph.outputs[name]!)
    const loop = gatherLoop(graph, sumsOfWritten, stores, inMemory)
    stages.push({ kind: 'loop', loop, shape: nodes[stores[0]!]!.shape, outputs: written })
  }
  return {
    early: order.filter((i) => !isTensor(i) && levelOf(i) === 0),
    stages,
    stored: [...inMemory].filter((i) => !available.has(i)),
    late: order.filter((i) => !isTensor(i) && levelOf(i) > 0),
    reused: new Set([...levels.keys()].filter((i) => available.has(i))),
  }
}

function isBarrier({ nodes }: Graph, i: number): boolean {
  return nodes[i]!.op === 'matmul' || nodes[i]!.op === 'transpose'
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
 * @returns `levels`: of each node, the number of barriers and sums on the way to it, itself included; `order`: the
 *   nodes to compute, each after its inputs
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
      if (!available.has(i) && (isBarrier(graph, i) || graph.nodes[i]!.op === 'sum')) level++
      levels.set(i, level)
    }
    return level
  }
  for (const name of outputs) levelOf(graph.outputs[name]!)
  return { levels, order: [...levels.keys()].sort((a, b) => a - b).filter((i) => !available.has(i)) }
}

/** The loops of one level: one for each shape of tensors. */
function draftLoops(
  graph: Graph,
  sums: readonly number[],
  stores: readonly number[],
  inMemory: ReadonlySet<number>,
): DraftStage[] {
  const { nodes } = graph
  const shapeOfSum = (i: number): Shape => nodes[nodes[i]!.inputs[0]!]!.shape
  const shapes = new Set([...stores.map((i) => nodes[i]!.shape), ...sums.map(shapeOfSum)])
  return [...shapes].map((shape) => {
    const loop = gatherLoop(
      graph,
      sums.filter((i) => shapeOfSum(i) === shape),
      stores.filter((i) => nodes[i]!.shape === shape),
      inMemory,
    )
    return { kind: 'loop', loop, shape, outputs: [] }
  })
}

function draftBarrier(graph: Graph, node: number, available: ReadonlySet<number>): DraftStage {
  const { op, inputs } = graph.nodes[node]!
  const [a, b] = inputs as [number, number]
  if (op === 'transpose') return { kind: 'transpose', node, from: a }
  return { kind: 'matmul', node, a: factorOf(graph, a, available), b: factorOf(graph, b, available) }
}

/** The loop that computes sums and tensors from those in memory. */
function gatherLoop(
  graph: Graph,
  sums: readonly number[],
  stores: readonly number[],
  inMemory: ReadonlySet<number>,
): Loop {
  const loads = new Set<number>()
  const scalars = new Set<number>()
  const seen = new Set<number>()
  const visit = (i: number): void => {
    if (seen.has(i)) return
    seen.add(i)
    const { op, inputs, shape } = graph.nodes[i]!
    if (shape === 'scalar') {
      if (op !== 'constant') scalars.add(i)
    } else if (op === 'input' || inMemory.has(i)) loads.add(i)
    else inputs.forEach(visit)
  }
  for (const sum of sums) visit(graph.nodes[sum]!.inputs[0]!)
  stores.forEach(visit)
  return { loads: [...loads], scalars: [...scalars], sums, stores }
}

/** The tensors a stage reads from memory. */
export function readNodes(stage: DraftStage): readonly number[] {
  switch (stage.kind) {
    case 'scalars':
      return []
    case 'loop':
      return stage.loop.loads
    case 'matmul':
      return [stage.a.node, stage.b.node]
    case 'transpose':
      return [stage.from]
  }
}

/** The tensors a stage stores in scratch memory. */
export function storedNodes(stage: DraftStage): readonly number[] {
  if (stage.kind === 'scalars') return []
  if (stage.kind === 'loop') return stage.outputs.length > 0 ? [] : stage.loop.stores
  return [stage.node]
}
