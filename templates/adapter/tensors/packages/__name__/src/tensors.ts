import type { TensorBackend } from '@induced-metric/core/adapter'
import { fillIn } from './fillIn.js'
import { lowering } from './lowering.js'
import type { Tensor } from './tensor.js'

/** FILL IN: the operations on tensors besides computing. */
export const tensors: TensorBackend<Tensor> = {
  lowering,
  /** Makes a tensor of these values, row-major. If there is no float64, refuse it with ERR_NOT_SUPPORTED. */
  from: (values, shape) => fillIn('from in src/tensors.ts', values, shape),
  /** A tensor's values, row-major. */
  read: (tensor) => fillIn('read in src/tensors.ts', tensor),
  /** A new tensor of the same values in another shape. */
  reshape: (tensor, shape) => fillIn('reshape in src/tensors.ts', tensor, shape),
  shape: ({ shape }) => shape,
  /** If there is only one type: `() => 'float32'`. */
  dtype: (tensor) => fillIn('dtype in src/tensors.ts', tensor),
  /** Frees a tensor. Leave it out if a garbage collector does that. */
  dispose: (tensor) => fillIn('dispose in src/tensors.ts', tensor),
  // If the framework can fuse operations, as a `jit` does, add `compile`.
}
