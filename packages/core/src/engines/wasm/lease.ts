import type { TypedArray } from '../../dtype.js'
import type { Arena } from './arena.js'
import type { WasmMemory } from './memory.js'

/** What one engine holds of a memory. */
export interface Lease extends Pick<Arena, 'allocate' | 'allocateAll' | 'release'> {
  readonly memory: WasmMemory
  /** Whether an array lies in what the engine may work on in place. */
  holds(array: TypedArray): boolean
  /** Leaves blocks to the caller, who may have views of them for ever. */
  keep(addresses: readonly number[]): void
  /** Says that the caller gets views of blocks. */
  lend(addresses: readonly number[]): void
  /** Gives back all that is not kept; a second time, nothing. */
  end(): void
}

/** How engines share a memory. */
interface Tenancy {
  /**
   * Whether the memory is divided between engines whose callers know nothing of one another: then no block that a caller
   * had views of is given to another.
   */
  readonly isDivided: boolean
  /** Called when the lease ends. */
  readonly ended?: () => void
}

/** A lease of blocks of a memory. */
export function createLease(memory: WasmMemory, arena: Arena, { isDivided, ended }: Tenancy): Lease {
  const blocks = new Set<number>()
  const kept = new Set<number>()
  const added = (address: number): number => {
    blocks.add(address)
    return address
  }
  const keep = (addresses: readonly number[]): void => {
    for (const address of addresses) kept.add(address)
  }
  let isOver = false
  return {
    memory,
    allocate: (bytes) => added(arena.allocate(bytes)),
    allocateAll: (sizes) => arena.allocateAll(sizes).map(added),
    release(address) {
      blocks.delete(address)
      arena.release(address)
    },
    holds(array) {
      if (array.buffer !== memory.buffer) return false
      if (!isDivided) return true
      const { byteOffset } = array
      for (const address of blocks) {
        if (byteOffset >= address && byteOffset < address + arena.sizeOf(address)) return true
      }
      return false
    },
    keep,
    lend(addresses) {
      if (isDivided) keep(addresses)
    },
    end() {
      if (isOver) return
      isOver = true
      for (const address of blocks) if (!kept.has(address)) arena.release(address)
      ended?.()
    },
  }
}
