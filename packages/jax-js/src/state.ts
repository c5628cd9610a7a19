import { optionError, show, type TreeState } from '@induced-metric/core/adapter'
import { numpy as np } from '@jax-js/jax'
import { tensors } from './tensors.js'

/** A state: a tree of arrays like any other, to be held, freed, or made part of another tree. */
export type InducedState = {
  /** Counts and averages: float64 numbers, each as the two uint32 of its bits. Every backend has those. */
  numbers: np.Array
  /** The slots of each parameter, by its name and theirs. */
  slots: Record<string, Record<string, np.Array>>
}

export function pack({ numbers, slots }: TreeState<np.Array>): InducedState {
  return { numbers: np.array(new Uint32Array(numbers.buffer)), slots }
}

/**
 * Checks that a value can be a state.
 *
 * @throws ERR_OPTION for anything but an object with the parts of one
 */
export function checkIsState(value: unknown): asserts value is InducedState {
  const { numbers, slots } = (value ?? {}) as Partial<InducedState>
  if (typeof numbers === 'object' && typeof slots === 'object') return
  throw optionError(
    `the state must be what init, load or update returned, given ${show(value)}; update takes (grads, state, params, { loss })`,
  )
}

/** The state that was packed. Its arrays remain the caller's. */
export function unpack(state: InducedState): TreeState<np.Array> {
  checkIsState(state)
  const { numbers, slots } = state
  return { numbers: new Float64Array(Uint32Array.from(tensors.read(numbers)).buffer), slots }
}
