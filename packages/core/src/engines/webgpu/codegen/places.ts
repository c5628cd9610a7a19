import { isHostMatrixOp, isVector } from '../../../graph/algebra.js'
import type { GraphNode } from '../../../graph/graph.js'

/** Where a value can be computed. */
export interface Place {
  /** The first tick in whose kernels it can be computed. Everything of earlier ticks is in memory then. */
  readonly level: number
  /** The matrix product of this tick whose kernel has to compute it, if there is one. */
  readonly head: number | undefined
}

/** The ticks at which scalars become known that depend on all parameters. */
export interface KnownAt {
  clip: number
  totals: number
  scale: number
}

/** An operand without the factors and transpositions around it, which a kernel applies when it reads it. */
export interface Peeled {
  readonly node: number
  readonly turned: boolean
  /** Scalar nodes. */
  readonly factors: readonly number[]
}

/** Takes the factors and transpositions off an operand. */
export function peel(nodes: readonly GraphNode[], index: number): Peeled {
  let [node, turned] = [index, false]
  const factors: number[] = []
  for (;;) {
    const { op, inputs } = nodes[node]!
    if (op === 'transpose') turned = !turned
    else if (op !== 'mul' || nodes[inputs[0]!]!.shape !== 'scalar') return { node, turned, factors }
    else factors.push(inputs[0]!)
    node = inputs.at(-1)!
  }
}

/** The tick at which a node that needs a whole tensor is computed. Its result is in memory from the next one on. */
export function tickOf(
  nodes: readonly GraphNode[],
  index: number,
  placeOf: (index: number) => Place,
): number {
  const { op } = nodes[index]!
  const { level } = placeOf(index)
  return op === 'matmul' ? level : level - 1
}

/** Finds the places of a graph's nodes. */
export function createPlaces(nodes: readonly GraphNode[], known: KnownAt): (index: number) => Place {
  const places: (Place | undefined)[] = []
  const at = (level: number): Place => ({ level, head: undefined })
  const levelOf = (indices: readonly number[]): number => Math.max(0, ...indices.map((i) => placeOf(i).level))
  /** The tick from which on a tensor can be read at any place. */
  const storedAt = (index: number): number => {
    const { node, factors } = peel(nodes, index)
    const isStored = nodes[node]!.op === 'input' || hasOwnKernel(nodes[node]!)
    return Math.max(levelOf(factors), placeOf(node).level + (isStored ? 0 : 1))
  }
  const compute = (index: number): Place => {
    const { op, inputs, shape, name } = nodes[index]!
    if (op === 'input') return at(inputLevel(name!, known))
    if (op === 'matmul') return { level: Math.max(...inputs.map(storedAt)), head: index }
    if (op === 'transpose') return at(storedAt(index))
    if (op === 'sum') return at(placeOf(inputs[0]!).level + 1)
    if (isHostMatrixOp(op)) return at(Math.max(storedAt(inputs[0]!), levelOf(inputs.slice(1))) + 1)
    if (isReduced(nodes[index]!)) {
      const { level, head } = placeOf(inputs[0]!)
      return at(level + (head === undefined ? 1 : 2))
    }
    const level = levelOf(inputs)
    if (shape === 'scalar') return at(level)
    const heads = new Set(inputs.map(placeOf).flatMap((x) => (x.level === level ? (x.head ?? []) : [])))
    // No kernel computes two products.
    return heads.size > 1 ? at(level + 1) : { level, head: [...heads][0] }
  }
  const placeOf = (index: number): Place => (places[index] ??= compute(index))
  return placeOf
}

/** Whether a node reduces the rows or columns of a matrix to a vector. */
export function isReduced({ op, shape }: GraphNode): boolean {
  return isVector(shape) && ['rowSums', 'columnSums', 'rowMax', 'columnMax'].includes(op)
}

/** Whether a kernel that computes nothing else leaves a node in memory. */
export function hasOwnKernel(node: GraphNode): boolean {
  return isReduced(node) || isHostMatrixOp(node.op)
}

function inputLevel(name: string, known: KnownAt): number {
  if (name === 'clip') return known.clip
  if (name === 'scale') return known.scale
  return name.startsWith('total.') ? known.totals : 0
}
