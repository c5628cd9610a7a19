import * as tf from '@tensorflow/tfjs'

import { seedRandom } from '../random.js'
import type { Task } from '../task.js'
import { evaluated, optimizerOf, startTensorFlow } from '../tensorFlow.js'

const POINTS = 100
const STEPS = 75

/** TensorFlow.js's example of a cubic polynomial through noisy points: it learns four coefficients from random ones. */
export const polynomial: Task = {
  id: 'polynomial',
  title: 'polynomial, TensorFlow.js',
  own: 'SGD, rate .5',
  measure: 'squared error of the points',
  async train(choice, seed) {
    await startTensorFlow()
    seedRandom(seed)
    const x = tf.randomUniform([POINTS], -1, 1, 'float32', seed)
    const exact = cubic([-0.8, -0.2, 0.9, 0.5], x)
    const noisy = exact.add(tf.randomNormal([POINTS], 0, 0.04, 'float32', seed + 1000))
    const y = noisy.sub(noisy.min()).div(noisy.max().sub(noisy.min()))
    const coefficients = [0, 1, 2, 3].map(() => tf.variable(tf.scalar(Math.random())))
    const lossOf = (): tf.Scalar => cubic(coefficients, x).sub(y).square().mean()
    const optimizer = optimizerOf(choice, () => tf.train.sgd(0.5), STEPS)
    for (let step = 0; step < STEPS; step++) optimizer.minimize(lossOf, false, coefficients)
    return evaluated(optimizer, () => lossOf().dataSync()[0]!)
  },
}

function cubic([a, b, c, d]: readonly (tf.Tensor | number)[], x: tf.Tensor): tf.Tensor {
  return x.mul(a!).add(b!).mul(x).add(c!).mul(x).add(d!)
}
