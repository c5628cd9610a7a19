import type { Graph } from '../../../graph/graph.js'
import type { Bytes } from './encoder.js'
import { get, Locals, set } from './instructions.js'
import { createLineFrame, type LineFrame } from './lineFrame.js'
import type { Loop } from './loop.js'
import { addFractionPair, isBoundedQuotient, type FractionPair } from './pairedQuotients.js'
import type { PowerName } from './powers.js'
import type { VectorType } from './vectors.js'

/** A scalar bound: the local with what puts the result right, unless nothing has to. */
export interface Bound {
  readonly op: 'max' | 'min'
  readonly node: number
  readonly rest: number | undefined
}

/** A loop under construction: its computation and the locals that hold it. */
export interface Frame {
  readonly graph: Graph
  readonly loop: Loop
  readonly type: VectorType
  /** The module's functions of vectors, by number. */
  readonly functions: ReadonlyMap<PowerName, number>
  /** Whether every vector is widened before it is added. */
  readonly exact: boolean
  /** How often a turn needs the value of each node. */
  readonly uses: ReadonlyMap<number, number>
  readonly locals: Locals
  readonly count: number
  readonly turns: number
  readonly address: number
  readonly loadPointers: readonly number[]
  readonly storePointers: readonly number[]
  /** Locals of scalars, spread over vectors, and of constants: by node. */
  readonly scalars: ReadonlyMap<number, number>
  readonly constants: ReadonlyMap<number, number>
  /** Locals of values that a vector needs more than once, by node. They are added as code needs them. */
  readonly values: Map<number, number>
  /** The nodes that are added up: `sums`, and then the sums of lines. */
  readonly adders: readonly number[]
  /** Of each of them: f64 of low lanes and of high lanes, the turn's sum in the tensors' own type, f64 of the tail. */
  readonly low: readonly number[]
  readonly high: readonly number[]
  readonly partial: readonly number[]
  readonly tail: readonly number[]
  /** Of each sum of quotients that can share divisions. */
  readonly quotients: readonly (FractionPair | undefined)[]
  readonly results: readonly number[]
  /** A value that the next instructions need again. */
  readonly again: number
  /** Constants of `sign`. */
  readonly ones: { readonly one: number; readonly signBits: number } | undefined
  /** Zeros, once code needs them. */
  zero: number | undefined
  /** Locals of further constants, as code needs them: by value. */
  readonly numbers: Map<number, number>
  /** Locals that functions work in, as code needs them: by purpose. */
  readonly work: Map<string, number>
  /** Scalars that tensors are compared with, as code needs them: by use. */
  readonly bounds: Map<string, Bound>
  readonly lines: LineFrame | undefined
}

/** Creates the frame of a loop. */
export function createFrame(
  graph: Graph,
  loop: Loop,
  type: VectorType,
  functions: ReadonlyMap<PowerName, number>,
  exact: boolean,
): Frame {
  const { loads, stores, lines } = loop
  const rowSums = (lines?.ofLines ?? []).filter((node) => graph.nodes[node]!.op === 'rowSums')
  const sums = [...loop.sums, ...rowSums]
  const uses = countUses(graph, loop)
  const isComputed = (node: number, op: string): boolean =>
    graph.nodes[node]!.op === op && !loads.includes(node)
  const signs = [...uses.keys()].some((node) => isComputed(node, 'sign'))
  const constantNodes = [...uses.keys()].filter((node) => graph.nodes[node]!.op === 'constant')
  const isPaired = (node: number): boolean =>
    type.name === 'float32' && !exact && isBoundedQuotient(graph, loop, graph.nodes[node]!.inputs[0]!)

  const locals = new Locals(2)
  const vector = (): number => locals.add('v128')
  const byNode = (nodes: readonly number[]) => new Map(nodes.map((node) => [node, vector()]))
  // Locals are numbered in the order of this literal.
  return {
    graph,
    loop,
    type,
    functions,
    exact,
    uses,
    locals,
    count: locals.add('i32'),
    turns: locals.add('i32'),
    address: locals.add('i32'),
    loadPointers: loads.map(() => locals.add('i32')),
    storePointers: stores.map(() => locals.add('i32')),
    scalars: byNode(loop.scalars),
    adders: sums,
    low: sums.map(vector),
    high: sums.map(vector),
    partial: sums.map(vector),
    results: stores.map(vector),
    again: vector(),
    ones: signs ? { one: vector(), signBits: vector() } : undefined,
    quotients: sums.map((node, s) =>
      s < loop.sums.length && isPaired(node) ? addFractionPair(locals) : undefined,
    ),
    tail: sums.map(() => locals.add('f64')),
    constants: byNode(constantNodes),
    values: new Map(),
    zero: undefined,
    numbers: new Map(),
    work: new Map(),
    bounds: new Map(),
    lines: lines && createLineFrame(graph, lines, locals),
  }
}

/** Code for a number in every lane. The number is put into a local before the loop. */
export function constantIn(frame: Frame, value: number): Bytes {
  let local = frame.numbers.get(value)
  if (local === undefined) frame.numbers.set(value, (local = frame.locals.add('v128')))
  return get(local)
}

/** A local for a function to work in. */
export function workingLocal(frame: Frame, purpose: string): number {
  let local = frame.work.get(purpose)
  if (local === undefined) frame.work.set(purpose, (local = frame.locals.add('v128')))
  return local
}

/** Puts constants into their locals, once all code that needs them has been written. */
export function emitConstants({ graph, type, constants, ones, zero, numbers }: Frame): Bytes {
  const code: Bytes[] = []
  for (const [node, local] of constants) code.push(set(local, type.constant(graph.nodes[node]!.value!)))
  if (ones) code.push(set(ones.one, type.constant(1)), set(ones.signBits, type.signBits))
  if (zero !== undefined) code.push(set(zero, type.constant(0)))
  for (const [value, local] of numbers) code.push(set(local, type.constant(value)))
  return code
}

/** How often each node's value is needed in a turn of the loop. */
function countUses(graph: Graph, loop: Loop): Map<number, number> {
  const uses = new Map<number, number>()
  const visit = (node: number): void => {
    const before = uses.get(node) ?? 0
    uses.set(node, before + 1)
    if (before === 0 && !loop.loads.includes(node) && !loop.scalars.includes(node))
      graph.nodes[node]!.inputs.forEach(visit)
  }
  const { ofLines, ofPlaces } = loop.lines ?? { ofLines: [], ofPlaces: [] }
  for (const node of [...loop.sums, ...ofLines, ...ofPlaces]) visit(graph.nodes[node]!.inputs[0]!)
  loop.stores.forEach(visit)
  return uses
}
