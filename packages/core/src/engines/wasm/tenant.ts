import type { StepPlan } from '../../step/plan.js'
import type { Engine, EngineArrays, EngineFactory, EngineOptions } from '../engine.js'
import type { InitialSlots } from '../../step/initialSlots.js'
import type { TypedArray } from '../../dtype.js'
import { sharedArena } from './arena.js'
import { createLeasedEngine } from './index.js'
import { createLease } from './lease.js'
import { isNoMemory, settle } from './pool.js'

/** Parameters that were added at once. */
interface Cohort {
  readonly plan: StepPlan
  readonly initial: readonly InitialSlots[]
}

/** An engine in the memory that it is given, or else in the first place that has room for it. */
export const createWasmEngine: EngineFactory = (plan, parameters, initial, options) => {
  const { memory } = options
  if (memory === undefined) return createTenant([{ plan, initial }], parameters, options)
  const lease = createLease(memory, sharedArena(memory), { isDivided: false })
  try {
    return createLeasedEngine(lease, plan, parameters, initial, options)
  } catch (error) {
    lease.end()
    throw error
  }
}

/**
 * An engine in a place of its own choosing, which it leaves when it comes to need more than there is. What was added
 * together is laid out together in the next place as well, so that a move changes no bit of any step.
 */
function createTenant(
  cohorts: readonly Cohort[],
  arrays: readonly TypedArray[],
  options: EngineOptions,
): Engine {
  const bytes = bytesFor(cohorts.at(-1)!.plan, arrays)
  const { place, built } = settle(bytes, options.helper !== undefined, (lease) => {
    const [{ plan, initial }, ...later] = cohorts as [Cohort, ...Cohort[]]
    let from = initial.length
    const engine = createLeasedEngine(lease, plan, arrays.slice(0, from), initial, options)
    for (const { plan, initial } of later) {
      engine.add(plan, arrays.slice(from, (from += initial.length)), initial)
    }
    return engine
  })
  const present = [...cohorts]
  const dispose = (): void => {
    place.unbind()
    built.dispose()
  }
  const tenant: Engine = {
    ...built,
    add(plan, added, initial) {
      const cohort = { plan, initial }
      try {
        built.add(plan, added, initial)
      } catch (error) {
        if (!place.isFixed || !isNoMemory(error)) throw error
        const before = built.arrays()
        const next = createTenant([...present, cohort], [...before.parameters, ...added], options)
        move(before, next.arrays(), options)
        dispose()
        return next
      }
      present.push(cohort)
      return undefined
    },
    dispose() {
      const { parameters } = built.arrays()
      dispose()
      return keeping(parameters)
    },
  }
  place.bind(tenant)
  return tenant
}

/** A function for a value that holds on to nothing else: inside another it would hold what that one sees. */
function keeping<T>(value: T): () => T {
  return () => value
}

/** Takes gradients and slots over. */
function move(from: EngineArrays, to: EngineArrays, { adopt = false }: EngineOptions): void {
  const slotsOf = ({ slots }: EngineArrays): TypedArray[] => slots.flatMap((each) => Object.values(each))
  const left = [...from.gradients, ...slotsOf(from)]
  const taken = [...to.gradients.slice(0, from.gradients.length), ...slotsOf(to)]
  left.forEach((array, i) => taken[i]!.set(array))
  // Who goes on with views from before shall see it.
  for (const array of adopt ? [...left, ...from.parameters] : left) array.fill(NaN)
}

/** Bytes of a plan's parameters, gradients and slots. */
function bytesFor({ parameters }: StepPlan, arrays: readonly TypedArray[]): number {
  return parameters.reduce((sum, { graph }, i) => sum + arrays[i]!.byteLength * (2 + graph.slots.length), 0)
}
