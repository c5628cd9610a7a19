import { unsupported } from '../../errors.js'
import type { WasmMemory } from '../engine.js'
import type { Allocator } from './binding.js'
import { createFreeList } from './freeList.js'
import { maximumPages, pageBytes } from './memory.js'

/** Blocks start at multiples of this: a cache line. */
export const alignment = 64

/** An allocator of several blocks at once. */
export interface Arena extends Allocator {
  /**
   * Allocates a block of each size. The memory grows at most once.
   *
   * @throws ERR_NOT_SUPPORTED where it cannot grow enough; then no block is allocated
   */
  allocateAll(sizes: readonly number[]): number[]
  /** The size of an allocated block. */
  sizeOf(address: number): number
  /** Bytes that are free without growing, in one piece or in many. */
  free(): number
}

/**
 * Creates an allocator of the memory that growing adds, so that the existing contents stay untouched. A released block
 * is allocated again with its last contents.
 *
 * @param first the address at which memory to allocate starts: by default the memory's end
 */
export function createArena(memory: WasmMemory, first = memory.buffer.byteLength): Arena {
  let end = memory.buffer.byteLength
  /** By address, of the block that was allocated there last. */
  const sizes = new Map<number, number>()
  const free = createFreeList()
  free.add(first, end)

  const take = (size: number): number | undefined => {
    const address = free.take(size)
    if (address !== undefined) sizes.set(address, size)
    return address
  }
  const release = (address: number): void => free.add(address, address + sizes.get(address)!)
  /** Makes the memory grow until so many bytes are free at its end. */
  const reserve = (bytes: number): void => {
    for (;;) {
      // Memory that others have added by growing is theirs.
      if (memory.buffer.byteLength !== end) end = memory.buffer.byteLength
      const missing = bytes - free.sizeBefore(end)
      if (missing <= 0) return
      const pages = Math.ceil(missing / pageBytes)
      const start = grow(memory, pages)
      end = start + pages * pageBytes
      free.add(start, end)
    }
  }
  return {
    allocate(bytes) {
      const size = paddedTo(alignment, bytes)
      const address = take(size)
      if (address !== undefined) return address
      reserve(size)
      return take(size)!
    },
    allocateAll(wanted) {
      const padded = wanted.map((bytes) => paddedTo(alignment, bytes))
      const taken = padded.map(take)
      try {
        reserve(padded.reduce((sum, size, i) => (taken[i] === undefined ? sum + size : sum), 0))
      } catch (error) {
        for (const address of taken) if (address !== undefined) release(address)
        throw error
      }
      return padded.map((size, i) => taken[i] ?? take(size)!)
    },
    release,
    sizeOf: (address) => sizes.get(address)!,
    free: () => free.total(),
  }
}

/** The least positive multiple that holds so many bytes. */
function paddedTo(multiple: number, bytes: number): number {
  return Math.max(1, Math.ceil(bytes / multiple)) * multiple
}

const arenas = new WeakMap<WasmMemory, Arena>()

/** The arena of a memory that optimisers share: a block that one of them releases is free for the next. */
export function sharedArena(memory: WasmMemory): Arena {
  let arena = arenas.get(memory)
  if (!arena) arenas.set(memory, (arena = createArena(memory)))
  return arena
}

/** Grows the memory, and returns the address of the added part. */
function grow(memory: WasmMemory, pages: number): number {
  const size = memory.buffer.byteLength
  const wanted = size + pages * pageBytes
  if (wanted <= maximumPages * pageBytes) {
    try {
      return memory.grow(pages) * pageBytes
    } catch {
      // It would exceed the memory's own maximum, or the machine has no more.
    }
  }
  const mebibytes = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`
  throw unsupported(
    `the WebAssembly memory of ${mebibytes(size)} cannot grow to the ${mebibytes(wanted)} that parameters, gradients ` +
      "and slots need (the limit is 4096 MiB); use engine: 'reference', or an optimiser for each part",
  )
}
