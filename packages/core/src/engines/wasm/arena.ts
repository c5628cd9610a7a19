import { InducedMetricError } from '../../errors.js'
import type { Allocator } from './kernels.js'
import { maximumPages, pageBytes, type WasmMemory } from './webassembly.js'

/** Blocks start at multiples of this: a cache line. */
const alignment = 64

/** An allocator of several blocks at once. */
export interface Arena extends Allocator {
  /** A block of each size, or none and ERR_NOT_SUPPORTED where the memory cannot grow enough. It grows at most once. */
  allocateAll(sizes: readonly number[]): number[]
}

/**
 * Gives out what a memory gains by growing, so that what is in it already stays as it is. A block that was given back
 * is given out again, with what was last written to it.
 */
export function createArena(memory: WasmMemory): Arena {
  let next = memory.buffer.byteLength
  let end = next
  const sizes = new Map<number, number>()
  /** Blocks that were given back, by size. */
  const free = new Map<number, number[]>()

  const reserve = (bytes: number): void => {
    while (end - next < bytes) {
      // Somebody else has made the memory grow: what is in between is theirs.
      const size = memory.buffer.byteLength
      if (size !== end) next = end = size
      const pages = Math.ceil((bytes - (end - next)) / pageBytes)
      const start = grow(memory, pages)
      if (start !== end) next = start
      end = start + pages * pageBytes
    }
  }
  /** A free block of that size, or else the smallest that is not much larger: what is cut off is lost to it for ever. */
  const reuse = (size: number): number | undefined => {
    const exact = free.get(size)?.pop()
    if (exact !== undefined) return exact
    let best = Infinity
    for (const [candidate, blocks] of free) {
      if (candidate > size && candidate < best && blocks.length > 0) best = candidate
    }
    return best <= 2 * size ? free.get(best)!.pop() : undefined
  }
  const release = (address: number): void => {
    const size = sizes.get(address)!
    const blocks = free.get(size)
    if (blocks) blocks.push(address)
    else free.set(size, [address])
  }
  /** The next block of what is reserved. */
  const take = (size: number): number => {
    const address = next
    next += size
    sizes.set(address, size)
    return address
  }
  return {
    allocate(bytes) {
      const size = paddedTo(alignment, bytes)
      const reused = reuse(size)
      if (reused !== undefined) return reused
      reserve(size)
      return take(size)
    },
    allocateAll(wanted) {
      const padded = wanted.map((bytes) => paddedTo(alignment, bytes))
      const reused = padded.map(reuse)
      try {
        reserve(padded.reduce((sum, size, i) => (reused[i] === undefined ? sum + size : sum), 0))
      } catch (error) {
        for (const address of reused) if (address !== undefined) release(address)
        throw error
      }
      return padded.map((size, i) => reused[i] ?? take(size))
    },
    release,
  }
}

/** The least positive multiple that holds so many bytes. */
function paddedTo(multiple: number, bytes: number): number {
  return Math.max(1, Math.ceil(bytes / multiple)) * multiple
}

const arenas = new WeakMap<WasmMemory, Arena>()

/** The arena of a memory that optimisers share: what one of them gives back is there for the next. */
export function sharedArena(memory: WasmMemory): Arena {
  let arena = arenas.get(memory)
  if (!arena) arenas.set(memory, (arena = createArena(memory)))
  return arena
}

/** Lets the memory grow; the address of what it gained. */
function grow(memory: WasmMemory, pages: number): number {
  const size = memory.buffer.byteLength
  const wanted = size + pages * pageBytes
  if (wanted <= maximumPages * pageBytes) {
    try {
      return memory.grow(pages) * pageBytes
    } catch {
      // Beyond the memory's own maximum, or what the machine can give.
    }
  }
  const mebibytes = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`
  throw new InducedMetricError(
    'ERR_NOT_SUPPORTED',
    `the WebAssembly memory of ${mebibytes(size)} cannot grow to the ${mebibytes(wanted)} that parameters, gradients ` +
      "and slots need (4096 MiB is the most there is); use engine: 'reference', or an optimiser for each part",
  )
}
