import { InducedMetricError } from '../../errors.js'
import type { Allocator } from './kernels.js'
import { maximumPages, pageBytes, type WasmMemory } from './webassembly.js'

/** Blocks start at multiples of this: a cache line. */
const alignment = 64

/**
 * Gives out what a memory gains by growing, so that what is in it already stays as it is. A block that was given back
 * is given out again.
 */
export function createArena(memory: WasmMemory): Allocator & { reserve(bytes: number): void } {
  let next = memory.buffer.byteLength
  let end = next
  const sizes = new Map<number, number>()
  const free: number[] = []

  const reserve = (bytes: number): void => {
    const missing = bytes - (end - next)
    if (missing <= 0) return
    const size = memory.buffer.byteLength
    // Somebody else has made the memory grow: what is in between is theirs.
    if (size !== end) next = end = size
    grow(memory, Math.ceil((bytes - (end - next)) / pageBytes))
    end = memory.buffer.byteLength
  }
  return {
    reserve,
    allocate(bytes) {
      const fitting = free.findIndex((address) => sizes.get(address)! >= bytes)
      if (fitting !== -1) return free.splice(fitting, 1)[0]!
      const size = Math.max(alignment, Math.ceil(bytes / alignment) * alignment)
      reserve(size)
      const address = next
      next += size
      sizes.set(address, size)
      return address
    },
    release(address) {
      free.push(address)
    },
  }
}

function grow(memory: WasmMemory, pages: number): void {
  const size = memory.buffer.byteLength
  const wanted = size + pages * pageBytes
  if (wanted <= maximumPages * pageBytes) {
    try {
      memory.grow(pages)
      return
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
