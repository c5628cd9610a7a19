import { readFile } from 'node:fs/promises'

import * as tf from '@tensorflow/tfjs'

import { seedRandom } from '../random.js'
import type { Task } from '../task.js'
import { evaluated, optimizerOf, startTensorFlow } from '../tensorFlow.js'

const EPOCHS = 40
const BATCH = 32
const SPECIES = ['setosa', 'versicolor', 'virginica']

/** The flowers of TensorFlow.js's example: 4-10-3, with a sigmoid in between. */
export const iris: Task = {
  id: 'iris',
  title: 'iris, TensorFlow.js',
  own: 'Adam, rate .01',
  measure: 'cross-entropy of the 22 flowers held out',
  async train(choice, seed) {
    await startTensorFlow()
    seedRandom(seed)
    const flowers = await readFlowers()
    tf.util.shuffle(flowers)
    const [held, trained] = [flowers.slice(0, 22), flowers.slice(22)]
    const model = tf.sequential({
      layers: [
        tf.layers.dense({
          units: 10,
          activation: 'sigmoid',
          inputShape: [4],
          kernelInitializer: drawn(seed),
        }),
        tf.layers.dense({ units: 3, activation: 'softmax', kernelInitializer: drawn(seed + 1000) }),
      ],
    })
    const steps = EPOCHS * Math.ceil(trained.length / BATCH)
    const optimizer = optimizerOf(choice, () => tf.train.adam(0.01), steps)
    model.compile({ optimizer, loss: 'categoricalCrossentropy' })
    await model.fit(...tensorsOf(trained), { epochs: EPOCHS, batchSize: BATCH, verbose: 0 })
    return evaluated(optimizer, () => (model.evaluate(...tensorsOf(held)) as tf.Scalar).dataSync()[0]!)
  },
}

const drawn = (seed: number) => tf.initializers.glorotNormal({ seed })

interface Flower {
  readonly sizes: readonly number[]
  readonly species: number
}

async function readFlowers(): Promise<Flower[]> {
  const text = await readFile(new URL('../../data/iris.csv', import.meta.url), 'utf8')
  return text
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => {
      const cells = line.split(',')
      return { sizes: cells.slice(0, 4).map(Number), species: SPECIES.indexOf(cells[4]!) }
    })
}

function tensorsOf(flowers: readonly Flower[]): [tf.Tensor, tf.Tensor] {
  return [
    tf.tensor2d(flowers.map(({ sizes }) => [...sizes])),
    tf.oneHot(
      flowers.map(({ species }) => species),
      SPECIES.length,
    ),
  ]
}
