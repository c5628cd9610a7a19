import type { Scalar, TensorFlow } from './namespace.js'

/**
 * Numbers as scalars on the device. A number is uploaded once and stays as long as every step asks for it: decay rates
 * for good, bias corrections for one step.
 */
export interface Constants {
  /** The scalar of a number; not to be disposed of by the caller. */
  at(value: number): Scalar
  /** Ends a step: lets go of what it did not ask for. */
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
    at(value) {
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
