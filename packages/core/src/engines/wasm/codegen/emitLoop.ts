import type { Graph } from '../../../graph/graph.js'
import { setBounds } from './bounds.js'
import { advancePlaces, endLine, readLineWords, reduceVector, startLine } from './emitLines.js'
import { emitOperation } from './emitOperation.js'
import type { Bytes, FunctionCode } from './encoder.js'
import { advance, countDown, f64, get, i32, loadI32, op, set, storeF64, tee } from './instructions.js'
import { rowWords, tableHeader, type Loop } from './loop.js'
import { createFrame, emitConstants, type Frame } from './loopFrame.js'
import { addQuotients } from './pairedQuotients.js'
import type { PowerName } from './powers.js'
import { pair, type VectorType } from './vectors.js'

/**
 * The code of a loop. A function of WebAssembly takes the address of a table and its number of rows, and is built like
 * this:
 *
 * ```text
 * put constants into locals
 * for each row of the table                              emitRow
 *   read the number of elements, the scalars and the pointers; clear the sums
 *   for each group of `unroll` vectors                   emitTurns, emitTurn
 *     compute and store each vector                      emitVector
 *     add the vectors' terms up in the tensors' own type
 *     widen these partial sums to f64                    widenSum
 *   for each vector that is left: the same
 *   for each element that is left: the same in lane 0, with sums in f64
 *   store the sums                                       storeSum
 * ```
 *
 * A sum therefore has three parts: the low and the high lanes of vectors, and the single elements of the tail.
 */

/** The parameters of the function: the address of the table, and its number of rows. */
const [table, rows] = [0, 1]

/**
 * Writes a loop as a function.
 *
 * @param unroll vectors per turn of the main loop, a power of two. Their terms are added in the tensors' own type
 *   before they are widened to f64, and may overflow where the sum itself does not. With 0, every element is widened
 *   before it is added.
 * @param exact whether every vector is widened before it is added, however many there are in a turn
 * @param functions the numbers of the module's functions that loops call
 */
export function emitLoop(
  name: string,
  graph: Graph,
  loop: Loop,
  type: VectorType,
  unroll: number,
  functions: ReadonlyMap<PowerName, number>,
  exact: boolean,
): FunctionCode {
  const frame = createFrame(graph, loop, type, functions, exact)
  // Before the constants: the code of a row decides whether there is a zero among them.
  const row = emitRow(frame, unroll)
  const body = [emitConstants(frame), countDown(rows, row)]
  return { name, parameters: 2, locals: frame.locals.types, body }
}

/** Works one tensor. */
function emitRow(frame: Frame, unroll: number): Bytes {
  const { loop, type, count, address, scalars, low, high, tail, lines } = frame
  const pointers = [...frame.loadPointers, ...frame.storePointers]
  const word = (index: number): Bytes => [get(table), loadI32(4 * index)]
  // Before the bounds: this code decides which there are.
  const turns = emitTurns(frame, unroll)
  return [
    set(count, word(tableHeader.count)),
    set(address, word(tableHeader.scalars)),
    ...[...scalars.values()].flatMap((local, i) => set(local, get(address), type.loadSplat(i * type.bytes))),
    ...pointers.flatMap((pointer, i) => set(pointer, word(tableHeader.addresses + i))),
    ...loop.sums.flatMap((_, s) => [
      set(low[s]!, pair.zero),
      set(high[s]!, pair.zero),
      set(tail[s]!, f64(0)),
    ]),
    setBounds(frame),
    readLineWords(frame, word),
    lines ? countDown(lines.left, [startLine(frame), turns, endLine(frame)]) : turns,
    loop.sums.length > 0 ? set(address, word(tableHeader.sums)) : [],
    ...loop.sums.map((_, s) => storeSum(frame, s)),
    advance(table, i32(4 * rowWords(loop))),
  ]
}

/** Groups of vectors, then the vectors that are left, then the elements that are left. */
function emitTurns(frame: Frame, unroll: number): Bytes {
  const { type, count, turns } = frame
  const code: Bytes[] = []
  if (unroll > 0) {
    const perTurn = unroll * type.lanes
    const vectorShift = i32(Math.log2(type.lanes))
    code.push(
      set(turns, get(count), i32(Math.log2(perTurn)), [op.i32ShiftRightUnsigned]),
      countDown(turns, emitTurn(frame, unroll)),
      set(turns, get(count), i32(perTurn - 1), [op.i32And], vectorShift, [op.i32ShiftRightUnsigned]),
      unroll > 1 ? countDown(turns, emitTurn(frame, 1)) : [],
      set(count, get(count), i32(type.lanes - 1), [op.i32And]),
    )
  }
  code.push(countDown(count, emitTurn(frame, 1, true)))
  return code
}

/**
 * Works some vectors and moves the pointers behind them.
 *
 * @param lane whether to work a single element instead, in lane 0
 */
function emitTurn(frame: Frame, vectors: number, lane = false): Bytes {
  const { loop, type, loadPointers, storePointers, adders, lines, exact } = frame
  const code: Bytes[] = []
  const stride = lane ? type.bytes : type.bytes * type.lanes
  for (let j = 0; j < vectors; j++) {
    code.push(emitVector(frame, j, vectors, j * stride, lane))
    if (!lane && (exact || j === vectors - 1)) adders.forEach((_, s) => code.push(widenSum(frame, s)))
  }
  // The number of a line stays the same within it.
  const loads = loadPointers.filter((_, i) => !lines?.spread.has(loop.loads[i]!))
  for (const pointer of [...loads, ...storePointers]) {
    code.push(advance(pointer, i32(vectors * stride)))
  }
  code.push(advancePlaces(frame, (vectors * stride) / type.bytes))
  return code
}

/** Works vector `j` of a turn, at `offset` from the pointers. */
function emitVector(frame: Frame, j: number, vectors: number, offset: number, lane: boolean): Bytes {
  const { graph, loop, type, adders, partial, tail, quotients, exact, again, results, storePointers } = frame
  const value = createValues(frame, offset, lane)
  const code: Bytes[] = []
  adders.forEach((node, s) => {
    const term = graph.nodes[node]!.inputs[0]!
    const collect = (x: Bytes, first: boolean): Bytes =>
      set(partial[s]!, x, first ? [] : [get(partial[s]!), type.op.add])
    const fractions = quotients[s]
    if (lane) code.push(set(tail[s]!, value(term), type.first, get(tail[s]!), [op.f64Add]))
    else if (vectors > 1 && fractions) {
      const [a, b] = graph.nodes[term]!.inputs as [number, number]
      const [numerator, denominator] = fractions[(j % 2) as 0 | 1]
      code.push(set(numerator, value(a)), set(denominator, value(b)))
      if (j % 2 === 1) code.push(collect(addQuotients(type, fractions, again), j === 1))
    } else code.push(collect(value(term), exact || j === 0))
  })
  code.push(reduceVector(frame, value, j, lane))
  loop.stores.forEach((node, s) => code.push(set(results[s]!, value(node))))
  loop.stores.forEach((_, s) => {
    const store = lane ? type.storeLane(offset) : type.store(offset)
    code.push(get(storePointers[s]!), get(results[s]!), store)
  })
  return code
}

/**
 * Code for the values of nodes in one vector. A value that is needed more than once is computed where it is needed
 * first, and kept in a local.
 */
function createValues(frame: Frame, offset: number, lane: boolean): (node: number) => Bytes {
  const { loop, type, uses, scalars, constants, locals, values, loadPointers, lines } = frame
  const computed = new Set<number>()
  const value = (node: number): Bytes => {
    const known = scalars.get(node) ?? constants.get(node) ?? lines?.spread.get(node)
    if (known !== undefined) return get(known)
    if (computed.has(node)) return get(values.get(node)!)
    const load = loop.loads.indexOf(node)
    const code =
      load === -1
        ? emitOperation(frame, node, value)
        : [get(loadPointers[load]!), lane ? type.loadLane(offset) : type.load(offset)]
    if (uses.get(node)! < 2) return code
    if (!values.has(node)) values.set(node, locals.add('v128'))
    computed.add(node)
    return [code, tee(values.get(node)!)]
  }
  return value
}

/** Adds a partial sum, of a turn or of a vector, to the sums in f64. */
function widenSum({ type, partial, low, high }: Frame, s: number): Bytes {
  const x = get(partial[s]!)
  if (type.name === 'float64') return set(low[s]!, x, get(low[s]!), pair.add)
  return [
    set(low[s]!, x, pair.promoteLow, get(low[s]!), pair.add),
    set(high[s]!, x, x, pair.high, pair.promoteLow, get(high[s]!), pair.add),
  ]
}

/** Stores low lanes + high lanes + tail. */
function storeSum({ address, low, high, tail }: Frame, s: number): Bytes {
  const both = [get(low[s]!), get(high[s]!), pair.add]
  const total = [set(low[s]!, both), get(low[s]!), pair.lane(0), get(low[s]!), pair.lane(1)]
  return [get(address), total, op.f64Add, get(tail[s]!), op.f64Add, storeF64(8 * s)]
}
