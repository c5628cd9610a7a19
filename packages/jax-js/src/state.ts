import type { TreeState } from '@induced-metric/core/adapter'
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

/** The state that was packed. Its arrays remain the caller's. */
export function unpack({ numbers, slots }: InducedState): TreeState<np.Array> {
  return { numbers: new Float64Array(Uint32Array.from(tensors.read(numbers)).buffer), slots }
}
