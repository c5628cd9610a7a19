import { callsIn, type Checkpoint } from '../checkpoint/checkpoint.js'
import { arrayOf, elementType, type ElementType, type TypedArray } from '../dtype.js'
import { checkpointError, shapeError } from '../errors.js'
import { accumulatedSlot, nothingAccumulated, type Accumulated } from '../step/accumulation.js'
import type { StepPlan } from '../step/plan.js'
import type { TensorBackend } from './backend.js'
import { isSameShape } from './checks.js'
import type { TensorState } from './state.js'

/** The numbers that lead those of a state where gradients are accumulated. */
export interface OwnNumbers<N> {
  /** The calls that wait for the rest of their update. */
  readonly calls: N
  /** The sum of their losses. */
  readonly loss: N
  /** Whether all of these are known, as 1 or 0. */
  readonly isKnown: N
  /** By parameter, how many of the calls had a gradient. */
  readonly counts: readonly N[]
}

/** A state in its two parts: the sums, and the state of the step that takes the updates. */
export interface AccumulatedState<T, N> {
  readonly own: OwnNumbers<N>
  /** The sums of gradients, by parameter. There is a tensor for each, so that states have one form. */
  readonly sums: readonly T[]
  readonly numbers: readonly N[]
  readonly slots: readonly Record<string, T>[]
}

/** The numbers of an update's first call. */
export function emptyNumbers({ parameters }: StepPlan): OwnNumbers<number> {
  return { calls: 0, loss: 0, isKnown: 1, counts: parameters.map(() => 0) }
}

export function ownNumbers({ calls, loss }: Accumulated, counts: readonly number[]): OwnNumbers<number> {
  return { calls, loss: loss ?? 0, isKnown: loss === undefined ? 0 : 1, counts }
}

export function accumulatedOf({ calls, loss, isKnown }: OwnNumbers<number>): Accumulated {
  return { calls, loss: isKnown > 0 ? loss : undefined }
}

/** Puts the numbers of a state in their order. */
export function joinOwn<N>({ calls, loss, isKnown, counts }: OwnNumbers<N>, numbers: Iterable<N>): N[] {
  return [calls, loss, isKnown, ...counts, ...numbers]
}

/**
 * Takes a state apart.
 *
 * @throws ERR_SHAPE unless it has a sum for every parameter
 */
export function splitState<T, N>(
  { parameters }: StepPlan,
  state: { readonly numbers: Iterable<N>; readonly slots: TensorState<T>['slots'] },
  backend: Pick<TensorBackend<T>, 'shape'>,
): AccumulatedState<T, N> {
  const [calls, loss, isKnown, ...rest] = state.numbers
  const counts = rest.splice(0, parameters.length)
  const isSum = (index: number): boolean => {
    const sum = state.slots[index]?.[accumulatedSlot]
    return sum !== undefined && isSameShape(backend.shape(sum), parameters[index]!.shape)
  }
  if (rest.length === 0 || !parameters.every((_, index) => isSum(index))) {
    throw shapeError(
      'the state is not one of these parameters and of a transformation that accumulates: give one that was made for them',
    )
  }
  return {
    own: { calls: calls!, loss: loss!, isKnown: isKnown!, counts },
    sums: state.slots.map((slots) => slots[accumulatedSlot]!),
    numbers: rest,
    slots: state.slots.map(({ [accumulatedSlot]: _, ...slots }) => slots),
  }
}

/** A checkpoint in its two parts. */
export interface AccumulatedCheckpoint {
  readonly accumulated: Accumulated
  /** By parameter; `undefined` if none of the calls had a gradient. */
  readonly sums: readonly (TypedArray | undefined)[]
  readonly rest: Checkpoint
}

/**
 * Takes the sums out of a checkpoint.
 *
 * @throws ERR_CHECKPOINT for a sum that does not fit its parameter
 */
export function splitCheckpoint(
  { parameters }: StepPlan,
  dtypes: readonly ElementType[],
  checkpoint: Checkpoint,
): AccumulatedCheckpoint {
  const { accumulated: _, ...rest } = checkpoint
  const saved = new Map(checkpoint.parameters.map(({ name, slots }) => [name, slots[accumulatedSlot]]))
  const sums = parameters.map(({ name, size }, index) => {
    const sum = saved.get(name)
    if (sum === undefined || (sum.length === size && elementType(sum) === dtypes[index])) return sum
    throw checkpointError(`the sum of the gradients of ${name} does not fit the parameter`)
  })
  const own = checkpoint.parameters.map(({ slots: { [accumulatedSlot]: _sum, ...slots }, ...parameter }) => {
    return { ...parameter, slots }
  })
  return {
    accumulated: callsIn(checkpoint) ?? nothingAccumulated,
    sums,
    rest: { ...rest, parameters: own },
  }
}

/** A sum of 0, as a tensor. */
export function zeroSum<T>(
  { parameters }: StepPlan,
  dtypes: readonly ElementType[],
  backend: Pick<TensorBackend<T>, 'from'>,
  index: number,
): T {
  const { size, shape } = parameters[index]!
  return backend.from(arrayOf(dtypes[index]!, size), shape)
}
