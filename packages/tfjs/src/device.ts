import type { Tensor, TensorFlow } from './namespace.js'

/** Reads a scalar at once. */
export type ScalarReader = (scalar: Tensor) => number

/**
 * A reader of single scalars for backends whose tensors lie in the host's own memory, where looking at a number neither
 * waits nor copies more than the number. `undefined` on devices: there a read would stall the queue (webgl) or is not
 * possible at all (webgpu), and decisions have to be taken on the device.
 */
export function hostReader(tf: TensorFlow): ScalarReader | undefined {
  if (!['cpu', 'wasm'].includes(tf.getBackend())) return undefined
  const backend = tf.backend() as { readSync?(dataId: object): ArrayLike<number> }
  if (typeof backend.readSync !== 'function') return undefined
  return (scalar) => backend.readSync!(scalar.dataId)[0]!
}
