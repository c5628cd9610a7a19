import type { TypedArray } from '../../dtype.js'
import type { Assistant } from './threads/host.js'
import type { Allocator } from './kernels.js'
import { rowWords, tableHeader, type Loop } from './codegen/loop.js'
import type { VectorType } from './codegen/vectors.js'
import { growthOf, type WasmFunction, type WasmMemory } from './memory.js'

/** The functions of each loop of a program. */
export type WorkspaceLoops = Map<Loop, { name: string; run: WasmFunction; runWide: WasmFunction | undefined }>

/** Tensors that a loop can be called on at once. */
export const batch = 64

/** Where the arguments and results of loops lie in the memory. */
export interface Workspace {
  /** Bytes of an element of the tensors. */
  readonly elementBytes: number
  /** To be called before anything else when the memory may have grown. */
  refresh(): void
  /** Lays out a loop's scalars, from the values of all nodes. */
  setScalars(loop: Loop, values: Float64Array): void
  /** Begins a row of a loop's table; its addresses follow. */
  setRow(loop: Loop, row: number, size: number): void
  addAddress(address: number): void
  run(loop: Loop, rows: number): void
  /** The same with somebody who takes some of the rows. */
  runBeside(assistant: Assistant, loop: Loop, rows: number): void
  /** Takes a row's sums over into the values of all nodes. */
  getSums(loop: Loop, row: number, values: Float64Array): void
  /** Adds a row's sums to totals, from a place on. */
  addSums(loop: Loop, row: number, totals: Float64Array, place: number): void
  dispose(): void
}

/** Allocates the working memory that a program's loops share: the sums of a batch, one set of scalars, the table. */
export function createWorkspace(
  type: VectorType,
  memory: WasmMemory,
  allocator: Allocator,
  loops: WorkspaceLoops,
): Workspace {
  const most = (count: (loop: Loop) => number): number => Math.max(0, ...[...loops.keys()].map(count))
  const sumBytes = 8 * most((loop) => loop.sums.length)
  const scalarBytes = 8 * most((loop) => loop.scalars.length)
  const sumAddress = allocator.allocate(batch * sumBytes + scalarBytes + 4 * batch * most(rowWords))
  const scalarAddress = sumAddress + batch * sumBytes
  const tableAddress = scalarAddress + scalarBytes

  const hasGrown = growthOf(memory)
  let words: Uint32Array = new Uint32Array(0)
  let doubles: Float64Array = new Float64Array(0)
  let elements: TypedArray = doubles
  let next = 0
  const rowAddress = (loop: Loop, row: number): number => tableAddress + 4 * row * rowWords(loop)
  /** Where in `doubles` the sums of a row are. */
  const sumsOf = (loop: Loop, row: number): number => {
    const { sums } = loop
    const at = sumAddress / 8 + row * (sumBytes / 8)
    // What is not finite may only have overflowed in single precision: it is added up again in double.
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
    addAddress(address) {
      words[next++] = address
    },
    run: (loop, rows) => loops.get(loop)!.run(tableAddress, rows),
    runBeside(assistant, loop, rows) {
      const { name, run } = loops.get(loop)!
      assistant.share(name, run, tableAddress, 4 * rowWords(loop), rows)
    },
    getSums(loop, row, values) {
      const { sums } = loop
      const at = sumsOf(loop, row)
      for (let i = 0; i < sums.length; i++) values[sums[i]!] = doubles[at + i]!
    },
    addSums(loop, row, totals, place) {
      const at = sumsOf(loop, row)
      for (let i = 0; i < loop.sums.length; i++) totals[place + i]! += doubles[at + i]!
    },
    dispose: () => allocator.release(sumAddress),
  }
}
