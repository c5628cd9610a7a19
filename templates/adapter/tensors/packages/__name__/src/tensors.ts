import type { TensorBackend } from '@induced-metric/core/adapter'
import { fillIn } from './fillIn.js'
import { lowering } from './lowering.js'

/** FILL IN: a tensor of __name__, by the framework's own type: `export type { Tensor } from '…'`. */
export interface Tensor {
  readonly shape: readonly number[]
}

/** FILL IN: what the optimiser does with tensors besides computing. */
export const tensors: TensorBackend<Tensor> = {
  lowering,
  /** A tensor of these values, row-major. Where there is no float64, refuse it with ERR_NOT_SUPPORTED. */
  from: (values, shape) => fillIn('from in src/tensors.ts', values, shape),
  /** A tensor's values, row-major. */
  read: (tensor) => fillIn('read in src/tensors.ts', tensor),
  shape: ({ shape }) => shape,
  /** Where there is but one type: `() => 'float32'`. */
  dtype: (tensor) => fillIn('dtype in src/tensors.ts', tensor),
  /** Frees a tensor; leave it out where a garbage collector does that. */
  dispose: (tensor) => fillIn('dispose in src/tensors.ts', tensor),
  // Where the framework can fuse operations, as a `jit` does, there is `compile` as well.
}
