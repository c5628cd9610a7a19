import type { Shape } from '../../../graph/algebra.js'
import type { Graph } from '../../../graph/graph.js'
import type { DraftStage } from './draftStage.js'
import { groupByGuard, type GuardOf } from './guards.js'
import type { Lines, Loop } from './loop.js'
import { isVectorShape } from './nodes.js'

/** The results of the loops of one level. */
export interface LoopResults {
  readonly sums: readonly number[]
  readonly reductions: readonly number[]
  readonly stores: readonly number[]
}

/**
 * The loops of one level: one for each shape of tensors, and for each guard. Those over vectors come first, as others read
 * what they store. All that they store is in memory then.
 */
export function draftLoops(
  graph: Graph,
  { sums, reductions, stores }: LoopResults,
  inMemory: Set<number>,
  guardOf: GuardOf,
): DraftStage[] {
  const { nodes } = graph
  const operandShape = (i: number): Shape => nodes[nodes[i]!.inputs[0]!]!.shape
  const shapeOf = (i: number): Shape => (stores.includes(i) ? nodes[i]!.shape : operandShape(i))
  const results = [...stores, ...sums, ...reductions]
  return vectorsFirst(results.map(shapeOf)).flatMap((shape) => {
    const ofShape = results.filter((i) => shapeOf(i) === shape)
    const stages = groupByGuard(ofShape, guardOf).map(({ guard, members }): DraftStage => {
      const mine = (list: readonly number[]): number[] => list.filter((i) => members.has(i))
      const own = { sums: mine(sums), reductions: mine(reductions), stores: mine(stores) }
      return { kind: 'loop', loop: gatherLoop(graph, shape, own, inMemory), shape, outputs: [], guard }
    })
    for (const node of ofShape) if (!sums.includes(node)) inMemory.add(node)
    return stages
  })
}

/**
 * The loops that write a step's outputs: one for each shape. Those over vectors come last, as others read the old values.
 *
 * @param sums of which none is needed by another node
 */
export function draftWritingLoops(
  graph: Graph,
  sums: readonly number[],
  outputs: readonly string[],
  inMemory: ReadonlySet<number>,
): DraftStage[] {
  const { nodes } = graph
  const shapeOf = (name: string): Shape => nodes[graph.outputs[name]!]!.shape
  const shapes = vectorsFirst(outputs.map(shapeOf)).reverse()
  return shapes.map((shape) => {
    const written = outputs.filter((name) => shapeOf(name) === shape)
    const own = {
      sums: sums.filter((i) => nodes[nodes[i]!.inputs[0]!]!.shape === shape),
      reductions: [],
      stores: written.map((name) => graph.outputs[name]!),
    }
    return { kind: 'loop', loop: gatherLoop(graph, shape, own, inMemory), shape, outputs: written }
  })
}

/** The shapes among some, each once. */
function vectorsFirst(shapes: readonly Shape[]): Shape[] {
  const all = [...new Set(shapes)]
  return [...all.filter(isVectorShape), ...all.filter((shape) => !isVectorShape(shape))]
}

/** The loop that computes its results from tensors in memory. */
function gatherLoop(
  graph: Graph,
  shape: Shape,
  { sums, reductions, stores }: LoopResults,
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
  for (const reduction of reductions) visit(graph.nodes[reduction]!.inputs[0]!)
  stores.forEach(visit)
  const lines = linesOf(graph, shape, [...loads], reductions)
  return { loads: [...loads], scalars: [...scalars], sums, stores, ...(lines && { lines }) }
}

/** The vectors of a loop; `undefined` if it has none, or works on vectors only. */
function linesOf(
  { nodes }: Graph,
  shape: Shape,
  loads: readonly number[],
  reductions: readonly number[],
): Lines | undefined {
  const spread = loads.filter((i) => isVectorShape(nodes[i]!.shape))
  if (isVectorShape(shape) || (spread.length === 0 && reductions.length === 0)) return undefined
  const isPerLine = (i: number): boolean => shape.startsWith(nodes[i]!.shape)
  const isOfLines = (i: number): boolean => nodes[i]!.op === 'rowSums' || nodes[i]!.op === 'rowMax'
  return {
    perLine: spread.filter(isPerLine),
    perPlace: spread.filter((i) => !isPerLine(i)),
    ofLines: reductions.filter(isOfLines),
    ofPlaces: reductions.filter((i) => !isOfLines(i)),
  }
}
