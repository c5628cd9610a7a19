import { createRequire } from 'node:module'
import * as tf from '@tensorflow/tfjs'
import { setThreadsCount, setWasmPaths } from '@tensorflow/tfjs-backend-wasm'
import { adam, createOptimizer, inducedMetric, muon, sgd } from '@induced-metric/core'
import { inducedOptimizer } from '@induced-metric/tfjs'
import { noise } from './core.js'
import { measure, median, medianRatio } from './measure.js'

const main = createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm')
setWasmPaths(main.replace(/[^/]*$/, ''))
setThreadsCount(1)

const learningRate = 1e-3

/** Our base, and the corresponding optimiser of TensorFlow.js. */
const pairs = {
  sgd: [() => sgd(), () => tf.train.sgd(learningRate)],
  momentum: [() => sgd({ momentum: 0.9 }), () => tf.train.momentum(learningRate, 0.9)],
  adam: [() => adam(), () => tf.train.adam(learningRate)],
}

/** The cases of this suite, narrowed down by the flags. */
export function tfjsCases({ base, size, tensors, backend, network }) {
  const cases = []
  for (const where of backend ?? ['cpu', 'wasm']) {
    for (const name of base ?? Object.keys(pairs)) {
      if (!(name in pairs)) continue
      for (const scalars of network ? [] : (size ?? [1e5, 1e6, 5e6])) {
        for (const count of tensors ?? [6, 100]) {
          cases.push({ backend: where, base: name, size: scalars, tensors: count })
        }
      }
      if (size === undefined) cases.push({ backend: where, base: name, network: true })
    }
  }
  return cases
}

/** `applyGradients` of the adapter and of TensorFlow.js; or, for `network`, whole training steps. */
export async function runTfjsCase({ backend, base, size, tensors, network }, { rounds, slice }) {
  await tf.setBackend(backend)
  const [make, theirs] = pairs[base]
  const optimizers = {
    ours: inducedOptimizer(tf, inducedMetric(make(), { learningRate })),
    theirs: theirs(),
  }
  const work = network ? trainingSteps(optimizers) : applications(optimizers, size, tensors)
  const times = measure(work.subjects, { rounds, slice })
  for (const optimizer of Object.values(optimizers)) optimizer.dispose()
  tf.disposeVariables()
  tf.dispose(work.tensors)
  return {
    backend,
    base,
    ...(network ? { network } : { size, tensors }),
    milliseconds: { ours: median(times.ours), theirs: median(times.theirs) },
    oursOverTheirs: medianRatio(times.ours, times.theirs),
  }
}

function applications(optimizers, size, count) {
  const each = Math.round(size / count)
  const subjects = {}
  const tensors = []
  for (const [name, optimizer] of Object.entries(optimizers)) {
    const gradients = {}
    for (let i = 0; i < count; i++) {
      const variable = tf.variable(tf.tensor1d(noise(each, i, 1)))
      gradients[variable.name] = tf.tensor1d(noise(each, 1000 + i, 0.01))
      tensors.push(gradients[variable.name])
    }
    subjects[name] = () => optimizer.applyGradients(gradients)
  }
  return { subjects, tensors }
}

/** The network of `npm run demo`, 784–64–64–10 with GELU in its tanh form between, on batches of 1024. */
function trainingSteps(optimizers) {
  const [batch, ...sizes] = [1024, 784, 64, 64, 10]
  const x = tf.tensor2d(noise(batch * sizes[0], 1, 1), [batch, sizes[0]])
  const digits = Array.from({ length: batch }, (_, i) => i % 10)
  const labels = tf.oneHot(tf.tensor1d(digits, 'int32'), 10)
  const gelu = (z) => {
    const inner = tf.mul(Math.sqrt(2 / Math.PI), tf.add(z, tf.mul(0.044715, tf.mul(z, tf.square(z)))))
    return tf.mul(tf.mul(0.5, z), tf.add(1, tf.tanh(inner)))
  }
  const subjects = {}
  for (const [name, optimizer] of Object.entries(optimizers)) {
    const layers = sizes.slice(1).map((units, i) => ({
      kernel: tf.variable(
        tf.tensor2d(noise(sizes[i] * units, i, 1 / Math.sqrt(sizes[i])), [sizes[i], units]),
      ),
      bias: tf.variable(tf.zeros([units])),
    }))
    const variables = layers.flatMap(({ kernel, bias }) => [kernel, bias])
    const loss = () => {
      const logits = layers.reduce((input, { kernel, bias }, i) => {
        const output = tf.add(tf.matMul(input, kernel), bias)
        return i < layers.length - 1 ? gelu(output) : output
      }, x)
      return tf.losses.softmaxCrossEntropy(labels, logits)
    }
    subjects[name] = () => {
      optimizer.minimize(loss, false, variables)
    }
  }
  return { subjects, tensors: [x, labels] }
}

/** The heads of the columns of {@link tfjsRow}. */
export const tfjsColumns = ['ours ms', 'theirs ms', 'ratio']

/** A row of the table. */
export function tfjsRow({ backend, base, size, tensors, network, milliseconds, oursOverTheirs }) {
  const what = network ? 'training step' : `${size} in ${tensors}`
  return {
    label: `${backend} ${base}, ${what}`,
    values: [milliseconds.ours, milliseconds.theirs, oursOverTheirs],
  }
}

/** A step of Muon on one 512 × 512 matrix, and the 15 products of its iteration by tf.matMul on wasm. */
export async function runProducts({ rounds, slice }) {
  await tf.setBackend('wasm')
  const n = 512
  const parameter = { name: 'w', shape: [n, n], data: noise(n * n, 1, 1) }
  const optimizer = createOptimizer(inducedMetric(muon(), { learningRate }), [parameter], {
    engine: 'wasm',
    adopt: true,
  })
  const gradient = optimizer.gradients[0].data
  gradient.set(noise(n * n, 2, 0.01))
  const a = tf.tensor2d(noise(n * n, 3, 1), [n, n])
  const times = measure(
    {
      ours: () => optimizer.step([gradient]),
      theirs: () => {
        for (let i = 0; i < 15; i++) tf.matMul(a, a).dispose()
      },
    },
    { rounds, slice },
  )
  a.dispose()
  return {
    label: 'muon step at 512 × 512, 15 × tf.matMul',
    milliseconds: { ours: median(times.ours), theirs: median(times.theirs) },
    oursOverTheirs: medianRatio(times.ours, times.theirs),
  }
}
