import { InducedMetricError } from '../../errors.js'
import type { Allocator } from './kernels.js'
import { maximumPages, pageBytes, type WasmMemory } from './memory.js'

/** Blocks start at multiples of this: a cache line. */
const alignment = 64

/** An allocator of several blocks at once. */
export interface Arena extends Allocator {
  /** A block of each size, or none and ERR_NOT_SUPPORTED where the memory cannot grow enough. It grows at most once. */
  allocateAll(sizes: readonly number[]): number[]
  /** The size of a block that was given out. */
  sizeOf(address: number): number
  /** Bytes that are free without growing, in one piece or in many. */
  free(): number
}

/** A range of addresses. */
interface Range {
  start: number
  end: number
}

/**
 * Gives out what a memory gains by growing, so that what is in it already stays as it is. A block that was given back
 * is given out again, with what was last written to it.
 *
 * @param first where what may be given out begins: by default at the memory's end
 */
export function createArena(memory: WasmMemory, first = memory.buffer.byteLength): Arena {
  let end = memory.buffer.byteLength
  /** By address, of the block that was given out there last. */
  const sizes = new Map<number, number>()
  /** What is free, in order; no two of them touch. */
  const ranges: Range[] = first < end ? [{ start: first, end }] : []
  let free = end - first

  /** The place in the order of the first range that begins at an address or behind it. */
  const placeOf = (address: number): number => {
    let low = 0
    let high = ranges.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (ranges[middle]!.start < address) low = middle + 1
      else high = middle
    }
    return low
  }
  const put = (start: number, stop: number): void => {
    const place = placeOf(start)
    const before = place > 0 ? ranges[place - 1] : undefined
    const after = place < ranges.length ? ranges[place] : undefined
    free += stop - start
    const touched = after?.start === stop ? after : undefined
    if (before?.end === start) {
      before.end = touched?.end ?? stop
      if (touched) ranges.splice(place, 1)
    } else if (touched) touched.start = start
    else ranges.splice(place, 0, { start, end: stop })
  }
  /** A block of the first range that holds it. */
  const take = (size: number): number | undefined => {
    for (let place = 0; place < ranges.length; place++) {
      const range = ranges[place]!
      if (range.end - range.start < size) continue
      const { start } = range
      range.start += size
      if (range.start === range.end) ranges.splice(place, 1)
      free -= size
      sizes.set(start, size)
      return start
    }
    return undefined
  }
  const release = (address: number): void => put(address, address + sizes.get(address)!)
  /** Makes the memory grow until so many bytes are free at its end. */
  const reserve = (bytes: number): void => {
    for (;;) {
      // Where somebody else has made the memory grow, what is in between is theirs.
      if (memory.buffer.byteLength !== end) end = memory.buffer.byteLength
      const last = ranges[ranges.length - 1]
      const missing = bytes - (last?.end === end ? last.end - last.start : 0)
      if (missing <= 0) return
      const pages = Math.ceil(missing / pageBytes)
      const start = grow(memory, pages)
      end = start + pages * pageBytes
      put(start, end)
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
    free: () => free,
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
