import type { TypedArray } from '../../dtype.js'
import type { WasmMemory } from '../engine.js'
import type { Arena } from './arena.js'

/** The blocks of a memory that one engine has allocated. */
export interface EngineMemory extends Pick<Arena, 'allocate' | 'allocateAll' | 'release'> {
  readonly memory: WasmMemory
  /** Whether an array is in memory that the engine may work on in place. */
  contains(array: TypedArray): boolean
  /** Leaves blocks to the caller, who may have views of them for ever: `dispose` does not release them. */
  keep(addresses: readonly number[]): void
  /** Reports that the caller gets views of blocks. In a pooled memory they are kept. */
  expose(addresses: readonly number[]): void
  /** Releases all blocks that are not kept. A second call does nothing. */
  dispose(): void
}

/** How engines share a memory. */
interface Sharing {
  /**
   * Whether the memory is divided between engines whose callers know nothing of one another. Then no block that a caller
   * has had views of is given to another.
   */
  readonly isPooled: boolean
  /** Called after the blocks are released. */
  readonly onDispose?: () => void
}

/** Creates an engine's share of a memory: nothing yet. */
export function createEngineMemory(
  memory: WasmMemory,
  arena: Arena,
  { isPooled, onDispose }: Sharing,
): EngineMemory {
  const blocks = new Set<number>()
  const kept = new Set<number>()
  const added = (address: number): number => {
    blocks.add(address)
    return address
  }
  const keep = (addresses: readonly number[]): void => {
    for (const address of addresses) kept.add(address)
  }
  let isDisposed = false
  return {
    memory,
    allocate: (bytes) => added(arena.allocate(bytes)),
    allocateAll: (sizes) => arena.allocateAll(sizes).map(added),
    release(address) {
      blocks.delete(address)
      arena.release(address)
    },
    contains(array) {
      const { byteOffset } = array
      // No block of a pooled memory is at 0. Reading `buffer` makes V8 move the elements of a small array out of its heap.
      if (isPooled && byteOffset === 0) return false
      if (array.buffer !== memory.buffer) return false
      if (!isPooled) return true
      for (const address of blocks) {
        if (byteOffset >= address && byteOffset < address + arena.sizeOf(address)) return true
      }
      return false
    },
    keep,
    expose(addresses) {
      if (isPooled) keep(addresses)
    },
    dispose() {
      if (isDisposed) return
      isDisposed = true
      for (const address of blocks) if (!kept.has(address)) arena.release(address)
      onDispose?.()
    },
  }
}
