import type { Bytes } from './encoder.js'
import {
  advance,
  f64,
  get,
  i32,
  loadF64,
  op,
  set,
  simd,
  simdMemory,
  storeF32,
  storeF64,
} from './instructions.js'
import { tableHeader } from './loop.js'
import type { Frame } from './loopFrame.js'
import { pair } from './vectors.js'

/**
 * The parts of a loop that goes line by line over a matrix: before all lines, before and after a line, and for one vector
 * of a line.
 */

/** Reads the words of a table's row that only such a loop has. */
export function readLineWords(frame: Frame, word: (index: number) => Bytes): Bytes {
  const { loop, lines, count, loadPointers, storePointers } = frame
  if (!lines) return []
  const first = tableHeader.addresses + loadPointers.length + storePointers.length
  const starts = [...lines.linePointers, ...lines.places.map(({ start }) => start)]
  return [
    set(lines.length, get(count)),
    set(lines.left, word(first)),
    starts.map((local, i) => set(local, word(first + 1 + i))),
    [...lines.starts].map(([node, start]) => set(start, get(loadPointers[loop.loads.indexOf(node)]!))),
  ]
}

/** Starts a line: its own numbers, the places of the others, and nothing added up. */
export function startLine({ loop, type, lines, count, loadPointers, low, high, tail }: Frame): Bytes {
  if (!lines) return []
  const pointerOf = (node: number): number => loadPointers[loop.loads.indexOf(node)]!
  const sums = low.map((_, s) => s).slice(loop.sums.length)
  return [
    set(count, get(lines.length)),
    [...lines.spread].map(([node, local]) => [
      set(local, get(pointerOf(node)), type.loadSplat(0)),
      advance(pointerOf(node), i32(type.bytes)),
    ]),
    [...lines.starts].map(([node, start]) => set(pointerOf(node), get(start))),
    lines.places.map(({ start, pointer }) => set(pointer, get(start))),
    sums.map((s) => [set(low[s]!, pair.zero), set(high[s]!, pair.zero), set(tail[s]!, f64(0))]),
    lines.maxima.map(({ largest, tail: last }) => [
      set(largest, type.constant(-Infinity)),
      set(last, type.constant(-Infinity)),
    ]),
  ]
}

/** The reductions of one vector, or of the element in lane 0, beside those that are added up as sums are. */
export function reduceVector(
  { graph, type, lines }: Frame,
  value: (node: number) => Bytes,
  j: number,
  lane: boolean,
): Bytes {
  if (!lines) return []
  const termOf = (node: number): Bytes => value(graph.nodes[node]!.inputs[0]!)
  return [
    lines.maxima.map(({ node, largest, tail }) => {
      const to = lane ? tail : largest
      return set(to, termOf(node), get(to), type.op.max)
    }),
    lines.places.map(({ node, adds, pointer, term }) => {
      const code = set(term, termOf(node))
      if (!adds) {
        const offset = j * type.bytes * type.lanes
        const [load, store] = lane
          ? [type.loadLane(0), type.storeLane(0)]
          : [type.load(offset), type.store(offset)]
        return [code, get(pointer), get(pointer), load, get(term), type.op.max, store]
      }
      if (lane)
        return [code, get(pointer), get(pointer), loadF64(0), get(term), type.first, op.f64Add, storeF64(0)]
      const offset = 8 * j * type.lanes
      const addPair = (at: number, x: Bytes): Bytes => [
        [get(pointer), get(pointer), simdMemory(0x00, 3, at)],
        [x, pair.add, simdMemory(0x0b, 3, at)],
      ]
      if (type.name === 'float64') return [code, addPair(offset, get(term))]
      const highHalf = [get(term), get(term), pair.high, pair.promoteLow]
      return [code, addPair(offset, [get(term), pair.promoteLow]), addPair(offset + 16, highHalf)]
    }),
  ]
}

/** Moves the pointers of reductions behind so many elements. */
export function advancePlaces({ type, lines }: Frame, elements: number): Bytes {
  return (lines?.places ?? []).map(({ pointer, adds }) =>
    advance(pointer, i32(elements * (adds ? 8 : type.bytes))),
  )
}

/** Ends a line: stores what it was reduced to. */
export function endLine(frame: Frame): Bytes {
  const { loop, type, lines, adders, low, high, tail } = frame
  if (!lines) return []
  const round = type.bytes === 4 ? [op.f32DemoteF64, storeF32(0)] : storeF64(0)
  return (loop.lines?.ofLines ?? []).map((node, i) => {
    const pointer = lines.linePointers[i]!
    const next = advance(pointer, i32(type.bytes))
    const s = adders.indexOf(node)
    if (s !== -1) {
      const both = set(low[s]!, get(low[s]!), get(high[s]!), pair.add)
      const total = [
        get(low[s]!),
        pair.lane(0),
        get(low[s]!),
        pair.lane(1),
        op.f64Add,
        get(tail[s]!),
        op.f64Add,
      ]
      return [both, get(pointer), total, round, next]
    }
    const { largest, tail: last } = lines.maxima.find((each) => each.node === node)!
    const fold = (shift: number): Bytes =>
      set(largest, get(largest), [get(largest), get(largest), rotate(shift)], type.op.max)
    return [
      type.lanes === 4 ? fold(4) : [],
      fold(8),
      [get(pointer), get(largest), get(last), type.op.max, type.storeLane(0)],
      next,
    ]
  })
}

/** Of a vector that is on the stack twice: its bytes, moved by so many. */
function rotate(by: number): number[] {
  return simd(0x0d, ...Array.from({ length: 16 }, (_, i) => (i + by) % 16))
}
