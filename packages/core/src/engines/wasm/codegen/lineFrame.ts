import type { Graph } from '../../../graph/graph.js'
import type { Locals } from './instructions.js'
import type { Lines } from './loop.js'

/** The locals of a loop that goes line by line over a matrix. */
export interface LineFrame {
  /** Elements of a line, and lines that are left. */
  readonly length: number
  readonly left: number
  /** The vectors with one number per line: the number of the current line, spread over a vector; by node. */
  readonly spread: ReadonlyMap<number, number>
  /** The vectors with one number per place: the address of the first one, by node. */
  readonly starts: ReadonlyMap<number, number>
  /** The largest elements of lines: of vectors, and of the tail in lane 0. */
  readonly maxima: readonly { readonly node: number; readonly largest: number; readonly tail: number }[]
  /** Where the results of lines are stored, in the order of `ofLines`. */
  readonly linePointers: readonly number[]
  /** The reductions place by place: their first address, the current one, and the vector that is being added. */
  readonly places: readonly PlaceReduction[]
}

/** The locals of a reduction over all lines, place by place. */
export interface PlaceReduction {
  readonly node: number
  /** Whether it adds up, in f64; else it takes the larger element. */
  readonly adds: boolean
  readonly start: number
  readonly pointer: number
  readonly term: number
}

/** Creates the locals for the lines of a loop. */
export function createLineFrame(graph: Graph, lines: Lines, locals: Locals): LineFrame {
  const maxima = lines.ofLines.filter((node) => graph.nodes[node]!.op === 'rowMax')
  const byNode = (nodes: readonly number[], type: 'i32' | 'v128') =>
    new Map(nodes.map((node) => [node, locals.add(type)]))
  return {
    length: locals.add('i32'),
    left: locals.add('i32'),
    spread: byNode(lines.perLine, 'v128'),
    starts: byNode(lines.perPlace, 'i32'),
    maxima: maxima.map((node) => ({ node, largest: locals.add('v128'), tail: locals.add('v128') })),
    linePointers: lines.ofLines.map(() => locals.add('i32')),
    places: lines.ofPlaces.map((node) => ({
      node,
      adds: graph.nodes[node]!.op === 'columnSums',
      start: locals.add('i32'),
      pointer: locals.add('i32'),
      term: locals.add('v128'),
    })),
  }
}
