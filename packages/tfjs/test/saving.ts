import * as tf from '@tensorflow/tfjs'
import type { InducedOptimizer } from '@induced-metric/tfjs'

/** A saved model as it is stored in files: text and bytes. */
export interface SavedModel {
  readonly text: string
  readonly bytes: Uint8Array
}

/** Saves a model with its optimiser. */
export async function saveModel(model: tf.LayersModel): Promise<SavedModel> {
  let saved: SavedModel | undefined
  await model.save(
    tf.io.withSaveHandler(({ weightData, ...rest }) => {
      saved = { text: JSON.stringify(rest), bytes: new Uint8Array((weightData as ArrayBuffer).slice(0)) }
      return Promise.resolve({ modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } })
    }),
    { includeOptimizer: true },
  )
  return saved!
}

/** Loads what {@link saveModel} saved, with the optimiser. */
export function loadModel(
  { text, bytes }: SavedModel,
  copy: { readonly loadLayersModel: typeof tf.loadLayersModel } = tf,
): Promise<tf.LayersModel> {
  const artifacts = JSON.parse(text) as tf.io.ModelArtifacts
  const weightData = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer
  return copy.loadLayersModel({ load: () => Promise.resolve({ ...artifacts, weightData }) })
}

/** The optimiser that a model was compiled with. */
export function optimizerOf(model: tf.LayersModel): InducedOptimizer {
  return model.optimizer as InducedOptimizer
}

/** Trains on batches `from` to `to`, counted from 1, which are the same every time. Returns their losses. */
export async function trainBatches(model: tf.LayersModel, from: number, to: number): Promise<number[]> {
  const losses: number[] = []
  for (let batch = from; batch <= to; batch++) {
    const [x, y] = tf.tidy(() => {
      const x = tf.randomNormal([12, 3], 0, 1, 'float32', batch)
      return [x, x.square().sum(1, true).sub(2)] as [tf.Tensor, tf.Tensor]
    })
    losses.push((await model.trainOnBatch(x, y)) as number)
    tf.dispose([x, y])
  }
  return losses
}
