import type { TypedArray } from '../../dtype.js'
import { sizeOf } from '../../shape.js'
import { slotShape, type InitialSlots } from '../../step/initialSlots.js'
import type { StepPlan } from '../../step/plan.js'
import type { Engine, EngineArrays, EngineOptions } from '../engine.js'
import { createEngineIn } from './engine.js'
import { isOutOfMemory, placeEngine } from './memoryPool.js'

/** Parameters that were added at once. */
export interface Cohort {
  readonly plan: StepPlan
  readonly initial: readonly InitialSlots[]
}

/**
 * Creates an engine that chooses its memory, and moves to another when that has no more room. Parameters that were added
 * together are laid out together in the next memory as well, so that a move changes no bit of any step.
 */
export function createRelocatableEngine(
  cohorts: readonly Cohort[],
  arrays: readonly TypedArray[],
  options: EngineOptions,
): Engine {
  const bytes = bytesFor(cohorts.at(-1)!.plan, arrays)
  const { placement, engine: current } = placeEngine(bytes, options.worker !== undefined, (engineMemory) => {
    const [{ plan, initial }, ...later] = cohorts as [Cohort, ...Cohort[]]
    let from = initial.length
    const engine = createEngineIn(engineMemory, plan, arrays.slice(0, from), initial, options)
    for (const { plan, initial } of later) {
      engine.add(plan, arrays.slice(from, (from += initial.length)), initial)
    }
    return engine
  })
  const present = [...cohorts]
  const dispose = (): void => {
    placement.unbind()
    current.dispose()
  }
  const engine: Engine = {
    ...current,
    add(plan, added, initial) {
      const cohort = { plan, initial }
      try {
        current.add(plan, added, initial)
      } catch (error) {
        if (!placement.isFixed || !isOutOfMemory(error)) throw error
        const before = current.arrays()
        const next = createRelocatableEngine([...present, cohort], [...before.parameters, ...added], options)
        moveArrays(before, next.arrays(), options)
        dispose()
        return next
      }
      present.push(cohort)
      return undefined
    },
    dispose() {
      const { parameters } = current.arrays()
      dispose()
      return constantly(parameters)
    },
  }
  placement.bind(engine)
  return engine
}

/** A function that returns a value and keeps nothing else alive. A closure made elsewhere would keep its scope alive. */
function constantly<T>(value: T): () => T {
  return () => value
}

/** Copies gradients and slots to their new arrays. */
function moveArrays(from: EngineArrays, to: EngineArrays, { adopt = false }: EngineOptions): void {
  const slotsOf = ({ slots }: EngineArrays): TypedArray[] => slots.flatMap((each) => Object.values(each))
  const left = [...from.gradients, ...slotsOf(from)]
  const taken = [...to.gradients.slice(0, from.gradients.length), ...slotsOf(to)]
  left.forEach((array, i) => taken[i]!.set(array))
  // Callers that still use the old views must notice.
  for (const array of adopt ? [...left, ...from.parameters] : left) array.fill(NaN)
}

/** Bytes of a plan's parameters, gradients, slots and normal numbers. */
function bytesFor({ parameters }: StepPlan, arrays: readonly TypedArray[]): number {
  return parameters.reduce((sum, parameter, i) => {
    const { slots, normals } = parameter.graph
    const slotSizes = slots.reduce((total, name) => total + sizeOf(slotShape(parameter, name)), 0)
    const { byteLength, BYTES_PER_ELEMENT: bytes } = arrays[i]!
    return sum + byteLength * (2 + normals.length) + bytes * slotSizes
  }, 0)
}
