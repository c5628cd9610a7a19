import * as tf from '@tensorflow/tfjs'

import { seedRandom } from '../random.js'
import type { Task } from '../task.js'
import { evaluated, optimizerOf, startTensorFlow } from '../tensorFlow.js'

const TEXT = `one two buckle my shoe
three four knock at the door
five six pick up sticks
seven eight lay them straight
nine ten a big fat hen
`.repeat(2)
const LENGTH = 10
const UNITS = 32
const BATCH = 32

/** TensorFlow.js's example of an LSTM that predicts the next character, on a smaller text and with fewer units. */
const charactersIn = (epochs: number): Task => ({
  id: `characters-${epochs}`,
  title: `characters by LSTM, ${epochs} epochs, TensorFlow.js`,
  own: 'RMSprop, rate .01',
  measure: 'cross-entropy of a character',
  async train(choice, seed) {
    await startTensorFlow()
    seedRandom(seed)
    const alphabet = [...new Set(TEXT)]
    const codes = Array.from(TEXT, (letter) => alphabet.indexOf(letter))
    const starts = Array.from({ length: TEXT.length - LENGTH }, (_, place) => place)
    const inputs = tf.oneHot(
      tf.tensor2d(
        starts.map((start) => codes.slice(start, start + LENGTH)),
        undefined,
        'int32',
      ),
      alphabet.length,
    )
    const targets = tf.oneHot(
      starts.map((start) => codes[start + LENGTH]!),
      alphabet.length,
    )
    const drawn = (offset: number) => tf.initializers.glorotNormal({ seed: seed + offset })
    const model = tf.sequential({
      layers: [
        tf.layers.lstm({
          units: UNITS,
          inputShape: [LENGTH, alphabet.length],
          kernelInitializer: drawn(0),
          recurrentInitializer: tf.initializers.orthogonal({ seed: seed + 1000 }),
        }),
        tf.layers.dense({ units: alphabet.length, activation: 'softmax', kernelInitializer: drawn(2000) }),
      ],
    })
    const steps = epochs * Math.ceil(starts.length / BATCH)
    const optimizer = optimizerOf(choice, () => tf.train.rmsprop(0.01), steps)
    model.compile({ optimizer, loss: 'categoricalCrossentropy' })
    await model.fit(inputs, targets, { epochs, batchSize: BATCH, verbose: 0 })
    return evaluated(optimizer, () => (model.evaluate(inputs, targets) as tf.Scalar).dataSync()[0]!)
  },
})

/** Until it knows the text by heart. */
export const characters = charactersIn(30)

/** Stopped in the middle of learning. */
export const charactersBriefly = charactersIn(10)
