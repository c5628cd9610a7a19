import type { NamedTensorMap, Scalar, Tensor, TensorFlow } from './namespace.js'
import type { VariableGradient } from './variables.js'

/**
 * The losses that gradients were computed with, for steps whose embedding reads the loss. A loss belongs to its own
 * gradients only: sums and means of gradients belong to another loss.
 */
export interface Losses {
  /** Keeps a loss as long as one of its gradients exists and no step has used it. */
  remember(loss: Scalar, gradients: NamedTensorMap): void
  /** The loss that gradients were computed with; `undefined` unless all of them were computed with the same one. */
  of(pairs: readonly Paired[]): Scalar | undefined
  /** Disposes of the losses whose gradients a step has used, or that were disposed of. */
  release(pairs: readonly Paired[]): void
  dispose(): void
}

type Paired = Pick<VariableGradient, 'gradient'>

interface Entry {
  readonly loss: Scalar
  readonly gradients: Set<Tensor>
}

export function createLosses(tf: TensorFlow): Losses {
  let entries: readonly Entry[] = []
  const sweep = (): void => {
    entries = entries.filter(({ loss, gradients }) => {
      for (const gradient of gradients) if (gradient.isDisposed) gradients.delete(gradient)
      if (gradients.size === 0) loss.dispose()
      return gradients.size > 0
    })
  }
  return {
    remember(loss, gradients) {
      sweep()
      const tensors = Object.values(gradients).filter((gradient) => (gradient ?? null) !== null)
      if (tensors.length === 0) return
      entries = [...entries, { loss: tf.keep(loss.clone()), gradients: new Set(tensors) }]
    },
    of(pairs) {
      let found: Entry | undefined
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
      for (const { loss } of entries) loss.dispose()
      entries = []
    },
  }
}
