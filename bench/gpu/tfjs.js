// One step of Adam on 100,000 scalars in TensorFlow.js: by the kernels of core, by operations, and by tf.train.
import '@tensorflow/tfjs-backend-webgpu'
import * as tf from '@tensorflow/tfjs'
import { adam, inducedMetric } from '@induced-metric/core'
import { inducedOptimizer } from '@induced-metric/tfjs'
import { measure } from './counts.js'

const ways = {
  kernels: (backend) =>
    inducedOptimizer(tf, inducedMetric(adam(), { learningRate: 0.01 }), { engine: backend }),
  operations: () => inducedOptimizer(tf, inducedMetric(adam(), { learningRate: 0.01 }), { engine: 'ops' }),
  'tf.train.adam': () => tf.train.adam(0.01),
}

/** The rows to be measured: each a name, and what measures it. */
export const tfjsRows = ['webgpu', 'webgl'].flatMap((backend) =>
  [6, 100].flatMap((count) =>
    Object.keys(ways).map((way) => ({
      subject: `tfjs ${backend}, Adam, ${count} variables`,
      by: way,
      measure: () => measureWay(backend, count, way),
    })),
  ),
)

async function measureWay(backend, count, way) {
  if (!(await tf.setBackend(backend))) throw new Error(`TensorFlow.js has no ${backend} here`)
  await tf.ready()
  const size = Math.floor(100_000 / count)
  const variables = Array.from({ length: count }, () => tf.tidy(() => tf.variable(tf.randomNormal([size]))))
  const optimizer = ways[way](backend)
  let gradients = []
  const done = async () => {
    tf.dispose(gradients.map(({ tensor }) => tensor))
    gradients = variables.map(({ name, shape }) => ({
      name,
      tensor: tf.tidy(() => tf.randomNormal(shape).mul(0.1)),
    }))
    // The device is done with everything when a number of the last variable has come.
    const number = tf.tidy(() => tf.add(variables.at(-1).sum(), gradients.at(-1).tensor.sum()))
    await number.data()
    number.dispose()
  }
  try {
    return await measure(() => optimizer.applyGradients(gradients), done, { steps: 12, untimed: 2 })
  } finally {
    optimizer.dispose()
    tf.dispose([variables, gradients.map(({ tensor }) => tensor)])
  }
}
