import type { VariableBackend } from './backend.js'

/**
 * Numbers as scalars on the device. A number is uploaded once and stays as long as every step asks for it: decay rates
 * stay for good, bias corrections for one step.
 */
export interface Constants<T> {
  /** The scalar of a number, which the caller must not dispose of. Tensors pass through. */
  readonly tensor: (value: T | number) => T
  /** Ends a step: disposes of the scalars that it did not ask for. */
  sweep(): void
  dispose(): void
}

export function createConstants<T extends object>(backend: VariableBackend<T>): Constants<T> {
  const scalars = new Map<number, { scalar: T; used: boolean }>()
  const keep = (wanted: (used: boolean) => boolean): void => {
    for (const [value, entry] of scalars) {
      if (!wanted(entry.used)) {
        backend.dispose(entry.scalar)
        scalars.delete(value)
      }
      entry.used = false
    }
  }
  return {
    tensor(value) {
      if (typeof value !== 'number') return value
      let entry = scalars.get(value)
      if (entry === undefined || backend.isDisposed(entry.scalar)) {
        entry = { scalar: backend.keep(backend.scalar(value)), used: true }
        scalars.set(value, entry)
      }
      entry.used = true
      return entry.scalar
    },
    sweep: () => keep((used) => used),
    dispose: () => keep(() => false),
  }
}
