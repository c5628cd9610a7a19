import { InducedMetricError } from '../../errors.js'
import { createArena, type Arena } from './arena.js'
import { createLease, type Lease } from './lease.js'
import { createMemory, pageBytes, type WasmMemory } from './memory.js'

/**
 * Where engines that are given no memory work. Every memory takes gigabytes of addresses, whatever its maximum (10 GiB in
 * V8), and a page or a process has them for a hundred or so. Small engines therefore divide memories among them. Those
 * never grow: growing would empty the views of all who have some.
 */

/** A memory of fixed size that engines divide. */
interface Slab {
  readonly memory: WasmMemory
  readonly arena: Arena
  /** Ends the leases of engines that nobody can reach any more. It goes with the slab, and so holds nothing on to it. */
  readonly orphans: FinalizationRegistry<Lease>
  leases: number
}

/** Bytes up to which what an engine needs is small. */
const smallBytes = 2 ** 20

const firstSlabBytes = 2 ** 21
const largestSlabBytes = 2 ** 24

/** Slabs that are remembered. The others last as long as the engines in them, and the views of those. */
const mostSlabs = 4

/** The slabs that engines are put in, the latest last: for one thread, and shared with helpers. */
const pools = { plain: [] as Slab[], shared: [] as Slab[] }

/** A lease, and how to see to it that it ends with the engine that has it. */
export interface Place {
  readonly lease: Lease
  /** Whether the memory can't grow. */
  readonly isFixed: boolean
  /** Ends the lease when nobody can reach that object any more. */
  bind(engine: object): void
  /** Takes that back. */
  unbind(): void
}

/**
 * Builds an engine in the first place that has room for it.
 *
 * @param bytes what it needs at least
 * @param shared whether other threads are to see the memory
 * @throws ERR_NOT_SUPPORTED where there is no memory to be had
 */
export function settle<T>(
  bytes: number,
  shared: boolean,
  build: (lease: Lease) => T,
): { place: Place; built: T } {
  let problem: unknown
  for (const place of places(bytes, shared)) {
    try {
      return { place, built: build(place.lease) }
    } catch (error) {
      place.lease.end()
      if (!isNoMemory(error)) throw error
      problem = error
    }
  }
  throw problem
}

/** Whether an error says that a memory could not be had, or could not grow. */
export function isNoMemory(error: unknown): boolean {
  return error instanceof InducedMetricError && error.code === 'ERR_NOT_SUPPORTED'
}

function* places(bytes: number, shared: boolean): Generator<Place> {
  const pool = pools[shared ? 'shared' : 'plain']
  const roomy = (): Slab[] => pool.filter(({ arena }) => arena.free() >= bytes).reverse()
  if (bytes <= smallBytes) {
    for (const slab of roomy()) yield placeIn(slab, pool)
    yield placeIn(addSlab(pool, shared), pool)
  }
  let own: Place
  try {
    own = ownPlace(shared)
  } catch (error) {
    for (const slab of roomy()) yield placeIn(slab, pool)
    throw error
  }
  yield own
}

function ownPlace(shared: boolean): Place {
  const memory = createMemory(shared)
  const lease = createLease(memory, createArena(memory), { isDivided: false })
  // The memory goes with the engine, once nobody has views of it.
  return { lease, isFixed: false, bind: () => undefined, unbind: () => undefined }
}

function addSlab(pool: Slab[], shared: boolean): Slab {
  const bytes = Math.min(firstSlabBytes * 4 ** pool.length, largestSlabBytes)
  const memory = createMemory(shared, bytes / pageBytes)
  const orphans = new FinalizationRegistry<Lease>((lease) => lease.end())
  const slab = { memory, arena: createArena(memory, 0), orphans, leases: 0 }
  remember(pool, slab)
  return slab
}

function remember(pool: Slab[], slab: Slab): void {
  if (pool.push(slab) > mostSlabs) pool.shift()
}

function placeIn(slab: Slab, pool: Slab[]): Place {
  const { memory, arena, orphans } = slab
  slab.leases++
  const lease = createLease(memory, arena, {
    isDivided: true,
    ended() {
      slab.leases--
      const at = pool.indexOf(slab)
      // One that is empty is enough, and one whose blocks were mostly kept is of no use.
      const isSpare = pool.some((other) => other !== slab && other.leases === 0)
      const isSpent = slab.leases === 0 && (isSpare || 2 * arena.free() < memory.buffer.byteLength)
      if (isSpent && at !== -1) pool.splice(at, 1)
      else if (!isSpent && at === -1) remember(pool, slab)
    },
  })
  return {
    lease,
    isFixed: true,
    bind: (engine) => orphans.register(engine, lease, lease),
    unbind: () => void orphans.unregister(lease),
  }
}
