import type { TypedArray } from '../../dtype.js'
import { memoised } from '../../memoised.js'
import type { WasmMemory } from '../engine.js'
import type { Allocator } from './binding.js'
import { rowWords, tableHeader, type Loop } from './codegen/loop.js'
import type { VectorType } from './codegen/vectors.js'
import { watchGrowth, type WasmFunction } from './memory.js'
import type { ParallelLoops } from './threads/host.js'

/** The functions of one loop of a program. */
export interface LoopFunction {
  readonly name: string
  readonly run: WasmFunction
  /** The same, but every element is widened before it is added. */
  readonly runWide: WasmFunction | undefined
}

/** The most rows of its table that a loop is called with. */
export const mostRows = 64

/** The arguments and results of loops, in the memory that the loops work on. */
export interface LoopArguments {
  /** Bytes of an element of the tensors. */
  readonly elementBytes: number
  /** Call this before anything else when the memory may have grown. */
  refresh(): void
  /** Writes a loop's scalars, from the values of all nodes. */
  setScalars(loop: Loop, values: Float64Array): void
  /** Starts a row of a loop's table. Its other words follow. */
  setRow(loop: Loop, row: number, size: number): void
  /** Adds a word: an address, or the number of lines. */
  addWord(word: number): void
  /** Views of the memory: of elements of the tensors, and of f64. They are replaced when the memory grows. */
  elements(): TypedArray
  doubles(): Float64Array
  /** Runs a loop on the rows of its table. */
  run(loop: Loop, rows: number): void
  /** The same on two threads. */
  runParallel(parallel: ParallelLoops, loop: Loop, rows: number): void
  /** Copies a row's sums to the values of all nodes. */
  getSums(loop: Loop, row: number, values: Float64Array): void
  /** Adds a row's sums to `totals`, from index `first` on. */
  addSums(loop: Loop, row: number, totals: Float64Array, first: number): void
  dispose(): void
}

/** Allocates the memory that the loops of a program share: the sums of a table, one set of scalars, and the table. */
export function createLoopArguments(
  type: VectorType,
  memory: WasmMemory,
  allocator: Allocator,
  loops: ReadonlyMap<Loop, LoopFunction>,
): LoopArguments {
  const most = mostOf(loops)
  const sumBytes = 8 * most.sums
  const scalarBytes = 8 * most.scalars
  const sumAddress = allocator.allocate(mostRows * sumBytes + scalarBytes + 4 * mostRows * most.words)
  const scalarAddress = sumAddress + mostRows * sumBytes
  const tableAddress = scalarAddress + scalarBytes

  const hasGrown = watchGrowth(memory)
  let words: Uint32Array = new Uint32Array(0)
  let doubles: Float64Array = new Float64Array(0)
  let elements: TypedArray = doubles
  let next = 0
  const rowAddress = (loop: Loop, row: number): number => tableAddress + 4 * row * rowWords(loop)
  /** The index in `doubles` of a row's sums. */
  const sumsOf = (loop: Loop, row: number): number => {
    const { sums } = loop
    const at = sumAddress / 8 + row * (sumBytes / 8)
    // A sum that is not finite may only have overflowed in single precision: it is added up again in double.
    const { runWide } = loops.get(loop)!
    if (runWide) {
      for (let i = 0; i < sums.length; i++) {
        if (Number.isFinite(doubles[at + i]!)) continue
        runWide(rowAddress(loop, row), 1)
        break
      }
    }
    return at
  }
  return {
    elementBytes: type.bytes,
    refresh() {
      if (!hasGrown()) return
      const { buffer } = memory
      words = new Uint32Array(buffer)
      doubles = new Float64Array(buffer)
      elements = type.bytes === 4 ? new Float32Array(buffer) : doubles
    },
    setScalars({ scalars }, values) {
      const start = scalarAddress / type.bytes
      for (let i = 0; i < scalars.length; i++) elements[start + i] = values[scalars[i]!]!
    },
    setRow(loop, row, size) {
      const at = tableAddress / 4 + row * rowWords(loop)
      words[at + tableHeader.count] = size
      words[at + tableHeader.scalars] = scalarAddress
      words[at + tableHeader.sums] = sumAddress + row * sumBytes
      next = at + tableHeader.addresses
    },
    addWord(word) {
      words[next++] = word
    },
    elements: () => elements,
    doubles: () => doubles,
    run: (loop, rows) => loops.get(loop)!.run(tableAddress, rows),
    runParallel(parallel, loop, rows) {
      const { name, run } = loops.get(loop)!
      parallel.run(name, run, tableAddress, 4 * rowWords(loop), rows)
    },
    getSums(loop, row, values) {
      const { sums } = loop
      const at = sumsOf(loop, row)
      for (let i = 0; i < sums.length; i++) values[sums[i]!] = doubles[at + i]!
    },
    addSums(loop, row, totals, first) {
      const at = sumsOf(loop, row)
      for (let i = 0; i < loop.sums.length; i++) totals[first + i]! += doubles[at + i]!
    },
    dispose: () => allocator.release(sumAddress),
  }
}

/** The most sums, scalars and words of a row that any of some loops has. */
const mostOf = memoised((loops: ReadonlyMap<Loop, LoopFunction>) => {
  const most = { sums: 0, scalars: 0, words: 0 }
  for (const loop of loops.keys()) {
    most.sums = Math.max(most.sums, loop.sums.length)
    most.scalars = Math.max(most.scalars, loop.scalars.length)
    most.words = Math.max(most.words, rowWords(loop))
  }
  return most
})
