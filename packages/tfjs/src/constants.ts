import type { Scalar, Tensor, TensorFlow } from './namespace.js'

/**
 * Numbers as scalars on the device. A number is uploaded once and stays as long as every step asks for it: decay rates
 * stay for good, bias corrections for one step.
 */
export interface Constants {
  /** The scalar of a number, which the caller must not dispose of. Tensors pass through. */
  readonly tensor: (value: Tensor | number) => Tensor
  /** Ends a step: disposes of the scalars that it did not ask for. */
  sweep(): void
  dispose(): void
}

export function createConstants(tf: TensorFlow): Constants {
  const scalars = new Map<number, { scalar: Scalar; used: boolean }>()
  const keep = (wanted: (used: boolean) => boolean): void => {
    for (const [value, entry] of scalars) {
      if (!wanted(entry.used)) {
        entry.scalar.dispose()
        scalars.delete(value)
      }
      entry.used = false
    }
  }
  return {
    tensor(value) {
      if (typeof value !== 'number') return value
      let entry = scalars.get(value)
      if (entry === undefined || entry.scalar.isDisposed) {
        entry = { scalar: tf.keep(tf.scalar(value, 'float32')), used: true }
        scalars.set(value, entry)
      }
      entry.used = true
      return entry.scalar
    },
    sweep: () => keep((used) => used),
    dispose: () => keep(() => false),
  }
}
