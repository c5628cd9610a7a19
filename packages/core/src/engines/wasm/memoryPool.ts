import { InducedMetricError } from '../../errors.js'
import type { WasmMemory } from '../engine.js'
import { alignment, createArena, type Arena } from './arena.js'
import { createEngineMemory, type EngineMemory } from './engineMemory.js'
import { createMemory, pageBytes } from './memory.js'

/**
 * The memories of engines that are given none. Every memory takes gigabytes of addresses, whatever its maximum (10 GiB
 * in V8), and a page or a process has enough for about a hundred. Small engines therefore share memories. Those never
 * grow: growing would detach the views of all engines in them.
 */

/** A memory of fixed size that engines share. */
interface Slab {
  readonly memory: WasmMemory
  readonly arena: Arena
  /**
   * Disposes of the memory of engines that have become unreachable. It is collected with the slab, and so keeps nothing
   * alive.
   */
  readonly unreachable: FinalizationRegistry<EngineMemory>
  /** The number of engines in it. */
  engines: number
}

/** The most bytes that a small engine needs. */
const smallBytes = 2 ** 20

const firstSlabBytes = 2 ** 21
const largestSlabBytes = 2 ** 24

/** Slabs in a pool. Others stay alive as long as the engines in them, and the views of those. */
const mostSlabs = 4

/** The slabs for new engines, the latest last: those of one thread, and those shared with workers. */
const pools = { plain: [] as Slab[], shared: [] as Slab[] }

/** A memory for an engine, and the way to release it together with the engine. */
export interface Placement {
  readonly engineMemory: EngineMemory
  /** Whether the memory can't grow. */
  readonly isFixed: boolean
  /** Disposes of the engine's memory once the engine is unreachable. */
  bind(engine: object): void
  /** Undoes `bind`. */
  unbind(): void
}

/**
 * Creates an engine in the first memory that has room for it.
 *
 * @param bytes the least that it needs
 * @param shared whether other threads use the memory
 * @throws ERR_NOT_SUPPORTED where no memory has room
 */
export function placeEngine<T>(
  bytes: number,
  shared: boolean,
  create: (engineMemory: EngineMemory) => T,
): { placement: Placement; engine: T } {
  let problem: unknown
  for (const placement of placementsFor(bytes, shared)) {
    try {
      return { placement, engine: create(placement.engineMemory) }
    } catch (error) {
      placement.engineMemory.dispose()
      if (!isOutOfMemory(error)) throw error
      problem = error
    }
  }
  throw problem
}

/** Whether an error reports that a memory could not be created, or could not grow. */
export function isOutOfMemory(error: unknown): boolean {
  return error instanceof InducedMetricError && error.code === 'ERR_NOT_SUPPORTED'
}

/** The memories to try, in this order. A new one is created only when it is asked for. */
function* placementsFor(bytes: number, shared: boolean): Generator<Placement> {
  const pool = pools[shared ? 'shared' : 'plain']
  const roomy = (): Slab[] => pool.filter(({ arena }) => arena.free() >= bytes).reverse()
  if (bytes <= smallBytes) {
    for (const slab of roomy()) yield placeInSlab(slab, pool)
    yield placeInSlab(addSlab(pool, shared), pool)
  }
  let own: Placement
  try {
    own = placeAlone(shared)
  } catch (error) {
    for (const slab of roomy()) yield placeInSlab(slab, pool)
    throw error
  }
  yield own
}

function placeAlone(shared: boolean): Placement {
  const memory = createMemory(shared)
  const engineMemory = createEngineMemory(memory, createArena(memory), { isPooled: false })
  // The memory is collected with the engine, once nobody has views of it.
  return { engineMemory, isFixed: false, bind: () => undefined, unbind: () => undefined }
}

function addSlab(pool: Slab[], shared: boolean): Slab {
  const bytes = Math.min(firstSlabBytes * 4 ** pool.length, largestSlabBytes)
  const memory = createMemory(shared, bytes / pageBytes)
  const unreachable = new FinalizationRegistry<EngineMemory>((engineMemory) => engineMemory.dispose())
  // Arrays of other memory mostly begin at 0, and are recognised by that.
  const slab = { memory, arena: createArena(memory, alignment), unreachable, engines: 0 }
  remember(pool, slab)
  return slab
}

function remember(pool: Slab[], slab: Slab): void {
  if (pool.push(slab) > mostSlabs) pool.shift()
}

function placeInSlab(slab: Slab, pool: Slab[]): Placement {
  const { memory, arena, unreachable } = slab
  slab.engines++
  const engineMemory = createEngineMemory(memory, arena, {
    isPooled: true,
    onDispose() {
      slab.engines--
      const at = pool.indexOf(slab)
      // One empty slab is enough, and one whose blocks were mostly kept is of no use.
      const isSpare = pool.some((other) => other !== slab && other.engines === 0)
      const isSpent = slab.engines === 0 && (isSpare || 2 * arena.free() < memory.buffer.byteLength)
      if (isSpent && at !== -1) pool.splice(at, 1)
      else if (!isSpent && at === -1) remember(pool, slab)
    },
  })
  return {
    engineMemory,
    isFixed: true,
    bind: (engine) => unreachable.register(engine, engineMemory, engineMemory),
    unbind: () => void unreachable.unregister(engineMemory),
  }
}
