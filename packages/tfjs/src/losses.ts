import type { NamedTensorMap, Scalar, Tensor, TensorFlow } from './namespace.js'

/**
 * The losses that gradients were computed with, for steps whose embedding reads the loss. A loss goes with its gradients
 * and with no others: not with sums or means of them, which are of another loss.
 */
export interface Losses {
  /** Keeps a loss for as long as one of its gradients is there and has not been stepped with. */
  remember(loss: Scalar, gradients: NamedTensorMap): void
  /** The loss that gradients came with; `undefined` where they did not all come with one. */
  of(gradients: readonly Tensor[]): Scalar | undefined
  /** Lets go of what belongs to gradients that were stepped with, or disposed of. */
  release(gradients: readonly Tensor[]): void
  dispose(): void
}

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
    of(gradients) {
      const [first] = gradients
      const entry = first && entries.find((candidate) => candidate.gradients.has(first))
      return entry && gradients.every((gradient) => entry.gradients.has(gradient)) ? entry.loss : undefined
    },
    release(gradients) {
      for (const entry of entries) for (const gradient of gradients) entry.gradients.delete(gradient)
      sweep()
    },
    dispose() {
      for (const { loss } of entries) loss.dispose()
      entries = []
    },
  }
}
