import type { VariableBackend } from './backend.js'

/**
 * The losses that gradients were computed with, for steps whose embedding reads the loss. A loss belongs to its own
 * gradients only: sums and means of gradients belong to another loss.
 */
export interface Losses<T> {
  /** Keeps a loss as long as one of its gradients exists and no step has used it. */
  remember(loss: T, gradients: readonly (T | null | undefined)[]): void
  /** The loss that gradients were computed with; `undefined` unless all of them were computed with the same one. */
  of(pairs: readonly Paired<T>[]): T | undefined
  /** Disposes of the losses whose gradients a step has used, or that were disposed of. */
  release(pairs: readonly Paired<T>[]): void
  dispose(): void
}

interface Paired<T> {
  readonly gradient: T | null
}

interface Entry<T> {
  readonly loss: T
  readonly gradients: Set<T>
}

export function createLosses<T extends object>(backend: VariableBackend<T>): Losses<T> {
  let entries: readonly Entry<T>[] = []
  const sweep = (): void => {
    entries = entries.filter(({ loss, gradients }) => {
      for (const gradient of gradients) if (backend.isDisposed(gradient)) gradients.delete(gradient)
      if (gradients.size === 0) backend.dispose(loss)
      return gradients.size > 0
    })
  }
  return {
    remember(loss, gradients) {
      sweep()
      const tensors = gradients.filter((gradient) => gradient !== null && gradient !== undefined)
      if (tensors.length === 0) return
      entries = [...entries, { loss: backend.keep(backend.clone(loss)), gradients: new Set(tensors) }]
    },
    of(pairs) {
      let found: Entry<T> | undefined
      if (entries.length === 0) return undefined
      for (const { gradient } of pairs) {
        if (gradient === null) continue
        found ??= entries.find((entry) => entry.gradients.has(gradient))
        if (!found?.gradients.has(gradient)) return undefined
      }
      return found?.loss
    },
    release(pairs) {
      if (entries.length === 0) return
      for (const entry of entries)
        for (const { gradient } of pairs) if (gradient !== null) entry.gradients.delete(gradient)
      sweep()
    },
    dispose() {
      for (const { loss } of entries) backend.dispose(loss)
      entries = []
    },
  }
}
