import { encodeCheckpoint, type Checkpoint } from '@induced-metric/core'
import { checkpointError } from '@induced-metric/core/adapter'
import type { NamedTensor, TensorFlow } from './namespace.js'

const checkpointName = 'induced-metric/checkpoint'

/** A checkpoint as the weights of an optimiser, which TensorFlow.js saves with a model. */
export interface SavedWeights {
  /** Returns the checkpoint as a tensor, together with the iterations. */
  give(iterations: NamedTensor, checkpoint: Checkpoint): NamedTensor[]
  dispose(): void
}

export function createSavedWeights(tf: TensorFlow): SavedWeights {
  /** The tensors that were given out, latest first. */
  const given: NamedTensor[] = []
  const keepOnly = (count: number): void => tf.dispose(given.splice(count).map(({ tensor }) => tensor))
  return {
    give(iterations, checkpoint) {
      const bytes = tf.tensor([encodeCheckpoint(checkpoint)] as never, [1], 'string')
      const weights = [iterations, { name: checkpointName, tensor: bytes }]
      // Saving a model does not dispose of them, so the optimiser does: of all but those of the latest two saves.
      keepOnly(2)
      given.unshift(...weights)
      return weights
    },
    dispose: () => keepOnly(0),
  }
}

/** The bytes of the checkpoint among the weights of a saved model. */
export async function checkpointIn(weights: readonly NamedTensor[]): Promise<Uint8Array> {
  const saved = Array.isArray(weights)
    ? (weights as readonly NamedTensor[]).find((weight) => weight?.name === checkpointName)
    : undefined
  if (!saved) {
    throw checkpointError(
      `these are not the weights of an induced-metric optimiser: there is no ${checkpointName} among them`,
    )
  }
  const [bytes] = (await saved.tensor.bytes()) as Uint8Array[]
  return bytes!
}
