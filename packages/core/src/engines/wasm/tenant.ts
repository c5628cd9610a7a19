import type { StepPlan } from '../../plan.js'
import {
  type Engine,
  type EngineArrays,
  type EngineFactory,
  type InitialSlots,
  type TypedArray,
} from '../engine.js'
import { sharedArena } from './arena.js'
import { createLeasedEngine } from './index.js'
import { createLease } from './lease.js'
import { isNoMemory, settle, type Place } from './pool.js'

/** Parameters that were added at once. */
interface Cohort {
  readonly plan: StepPlan
  readonly initial: readonly InitialSlots[]
}

/** An engine in the memory that it is given, or else in the first place that has room for it. */
export const createWasmEngine: EngineFactory = (plan, parameters, initial, options) => {
  const { memory } = options
  if (memory === undefined) return createTenant(plan, parameters, initial, options)
  const lease = createLease(memory, sharedArena(memory), { isDivided: false })
  try {
    return createLeasedEngine(lease, plan, parameters, initial, options)
  } catch (error) {
    lease.end()
    throw error
  }
}

/**
 * An engine that moves to another place when it comes to need more than its own has. Small engines share memories that do
 * not grow. What is added together is laid out together there as well, so that a move changes no bit of any step.
 */
const createTenant: EngineFactory = (firstPlan, given, initial, options) => {
  const { adopt = false, helper } = options
  const cohorts: Cohort[] = [{ plan: firstPlan, initial }]

  const buildIn = (all: readonly Cohort[], arrays: readonly TypedArray[]) => {
    const { plan } = all.at(-1)!
    return settle(bytesFor(plan, arrays), helper !== undefined, (lease) => {
      const [{ plan, initial }, ...later] = all as [Cohort, ...Cohort[]]
      let from = initial.length
      const built = createLeasedEngine(lease, plan, arrays.slice(0, from), initial, options)
      for (const { plan, initial } of later) {
        built.add(plan, arrays.slice(from, (from += initial.length)), initial)
      }
      return built
    })
  }
  const first = buildIn(cohorts, given)
  let place: Place | undefined = first.place
  let engine: Engine | undefined = first.built
  /** What is left when it was disposed of. */
  let left: EngineArrays | undefined

  const move = (cohort: Cohort, added: readonly TypedArray[]): void => {
    const before = engine!.arrays()
    const next = buildIn([...cohorts, cohort], [...before.parameters, ...added])
    const now = next.built.arrays()
    before.gradients.forEach((gradient, i) => now.gradients[i]!.set(gradient))
    before.slots.forEach((slots, i) => {
      for (const [name, slot] of Object.entries(slots)) now.slots[i]![name]!.set(slot)
    })
    // Whoever goes on with an old view shall see it.
    const stale = [...before.gradients, ...before.slots.flatMap((slots) => Object.values(slots))]
    for (const array of adopt ? [...before.parameters, ...stale] : stale) array.fill(NaN)
    place!.unbind()
    engine!.dispose()
    place = next.place
    engine = next.built
    place.bind(tenant)
  }
  const tenant: Engine = {
    kind: 'wasm',
    whole: { take: (gradients, numbers, isSame) => engine!.whole!.take(gradients, numbers, isSame) },
    arrays: (lent) => left ?? engine!.arrays(lent),
    begin: (active, gradients, scalars) => engine!.begin(active, gradients, scalars),
    norm: (results) => engine!.norm(results),
    reduce: (results) => engine!.reduce(results),
    update: () => engine!.update(),
    add(plan, added, initial) {
      const cohort = { plan, initial }
      try {
        engine!.add(plan, added, initial)
      } catch (error) {
        if (!place!.isFixed || !isNoMemory(error)) throw error
        move(cohort, added)
      }
      cohorts.push(cohort)
    },
    dispose() {
      if (left !== undefined) return
      left = { parameters: engine!.arrays().parameters, gradients: [], slots: [] }
      place!.unbind()
      engine!.dispose()
      // The optimiser may be held on to for its parameters: it is not to hold the memory.
      place = engine = undefined
      cohorts.length = 0
    },
  }
  place.bind(tenant)
  return tenant
}

/** Bytes of a plan's parameters, gradients and slots. */
function bytesFor({ parameters }: StepPlan, arrays: readonly TypedArray[]): number {
  return parameters.reduce((sum, { graph }, i) => sum + arrays[i]!.byteLength * (2 + graph.slots.length), 0)
}
