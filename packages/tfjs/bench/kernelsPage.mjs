import * as tf from '@tensorflow/tfjs'
import '@tensorflow/tfjs-backend-webgpu'
import { adam, inducedMetric } from '@induced-metric/core'
import { inducedOptimizer } from '@induced-metric/tfjs'

// The page of kernels.mjs.

let launches = 0
for (const [owner, method] of [
  ['GPUComputePassEncoder', 'dispatchWorkgroups'],
  ['WebGL2RenderingContext', 'drawElements'],
]) {
  const { prototype } = globalThis[owner]
  const original = prototype[method]
  prototype[method] = function (...given) {
    launches++
    return original.apply(this, given)
  }
}

const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)]

/**
 * One step of Adam on 100,000 scalars in some variables: its launches, the time until the call returns, and until the device is done.
 */
async function measure(backend, count, by) {
  await tf.setBackend(backend)
  await tf.ready()
  const size = Math.floor(100_000 / count)
  const variables = Array.from({ length: count }, () => tf.tidy(() => tf.variable(tf.randomNormal([size]))))
  const optimizer =
    by === 'tf.train.adam'
      ? tf.train.adam(0.01)
      : inducedOptimizer(tf, inducedMetric(adam(), { learningRate: 0.01 }), {
          engine: by === 'kernels' ? backend : 'ops',
        })
  const done = async () => {
    const number = tf.tidy(() => variables.at(-1).sum())
    await number.data()
    number.dispose()
  }
  const found = { launches: 0, host: [], whole: [] }
  for (let step = 0; step < 12; step++) {
    const gradients = variables.map(({ name, shape }) => ({
      name,
      tensor: tf.tidy(() => tf.randomNormal(shape).mul(0.1)),
    }))
    await done()
    launches = 0
    const start = performance.now()
    optimizer.applyGradients(gradients)
    const returned = performance.now()
    found.launches = launches
    await done()
    if (step > 1) {
      found.host.push(returned - start)
      found.whole.push(performance.now() - start)
    }
    tf.dispose(gradients.map(({ tensor }) => tensor))
  }
  optimizer.dispose()
  tf.dispose(variables)
  return { launches: found.launches, host: median(found.host), whole: median(found.whole) }
}

Object.assign(globalThis, { measure })
