import { createRequire } from 'node:module'
import { dirname, join, sep } from 'node:path'

import type * as tfjsNamespace from '@tensorflow/tfjs'
import type { GradSaveFunc, Optimizer, Scalar, Tensor, Tensor2D, Variable } from '@tensorflow/tfjs'

import type { Batch } from '../data/batches.js'
import { PIXELS } from '../data/mnist.js'
import type { Setting } from '../settings.js'
import type { Availability, Framework, StepRecord, TrainingJob } from '../training/framework.js'
import { takeSteps } from '../training/loop.js'

type Tf = typeof tfjsNamespace

/** TensorFlow.js on its WebAssembly backend. */
export const framework: Framework = { id: 'tfjs', title: 'TensorFlow.js (wasm)', available, train }

async function available(): Promise<Availability> {
  try {
    const tf = await start()
    const simd = await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT')
    return { ok: true, detail: `TensorFlow.js ${tf.version.tfjs}, wasm ${simd ? 'with' : 'without'} SIMD` }
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : String(error) }
  }
}

async function start(): Promise<Tf> {
  const tf = await import('@tensorflow/tfjs')
  const { setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm')
  if (tf.getBackend() !== 'wasm') {
    const manifest = createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm/package.json')
    setWasmPaths(join(dirname(manifest), 'dist') + sep)
    if (!(await tf.setBackend('wasm'))) throw new Error('The wasm backend of TensorFlow.js does not start.')
    await tf.ready()
  }
  return tf
}

async function train(job: TrainingJob): Promise<void> {
  const { network, setting } = job
  const tf = await start()
  const variables = network.map(({ name, shape, data }) =>
    tf.tidy(() => tf.variable(tf.tensor(data.slice(), [...shape]), true, `${setting.id}/${name}`)),
  )
  const { optimizer, readings } = await createDriver(tf, setting)
  try {
    await takeSteps(job, {
      step: async (batch) => ({ ...trainStep(tf, variables, optimizer, batch), ...(await readings()) }),
      evaluate: (test) => evaluate(tf, variables, test),
    })
  } finally {
    variables.forEach((variable) => variable.dispose())
    optimizer.dispose()
  }
}

/** An optimiser, and a function that reads the report of its last step. */
interface Driver {
  readonly optimizer: Optimizer
  readonly readings: () => Promise<Pick<StepRecord, 'scale' | 'dualNorm'>>
}

async function createDriver(tf: Tf, { stock, transformation }: Setting): Promise<Driver> {
  if (stock !== undefined) {
    const optimizer = tf.train.adam(stock.learningRate, stock.beta1, stock.beta2, stock.epsilon)
    return { optimizer, readings: () => Promise.resolve({ scale: null, dualNorm: null }) }
  }
  const { inducedOptimizer } = await import('@induced-metric/tfjs')
  const optimizer = inducedOptimizer(tf, transformation)
  return {
    optimizer,
    // One small read from memory the host shares with the backend: it costs microseconds a step on wasm.
    readings: async () => {
      const { scale, dualNorm } = await optimizer.report()
      return { scale, dualNorm: Number.isNaN(dualNorm) ? null : dualNorm }
    },
  }
}

function trainStep(
  tf: Tf,
  variables: Variable[],
  optimizer: Optimizer,
  batch: Batch,
): { loss: number; accuracy: number } {
  return tf.tidy(() => {
    const { images, digits } = tensorsOf(tf, batch)
    let logits: Tensor2D | undefined
    const loss = optimizer.minimize(
      () => {
        logits = tf.keep(forward(tf, variables, images))
        return crossEntropy(tf, digits, logits)
      },
      true,
      variables,
    )
    const accuracy = share(logits!, batch)
    logits!.dispose()
    return { loss: loss!.dataSync()[0]!, accuracy }
  })
}

function evaluate(tf: Tf, variables: Variable[], test: Batch): { testLoss: number; testAccuracy: number } {
  return tf.tidy(() => {
    const { images, digits } = tensorsOf(tf, test)
    const logits = forward(tf, variables, images)
    return { testLoss: crossEntropy(tf, digits, logits).dataSync()[0]!, testAccuracy: share(logits, test) }
  })
}

function tensorsOf(tf: Tf, { images, labels, count }: Batch): { images: Tensor2D; digits: Tensor } {
  return {
    images: tf.tensor2d(images, [count, PIXELS]),
    digits: tf.oneHot(tf.tensor1d(labels, 'int32'), 10),
  }
}

function forward(tf: Tf, variables: readonly Variable[], images: Tensor2D): Tensor2D {
  let activations = images
  for (let place = 0; place < variables.length; place += 2) {
    const weights = variables[place]! as Tensor2D
    const products = place === 0 ? ofImages(tf, activations, weights) : product(tf, activations, weights)
    const sums: Tensor2D = tf.add(products, variables[place + 1]!)
    activations = place + 2 < variables.length ? gelu(tf, sums) : sums
  }
  return activations
}

// Gradients are products with a transposed matrix. The wasm backend's kernel for these takes ten times as long as
// transposing first and multiplying then; hence gradients of our own.

/** Activations times weights. */
function product(tf: Tf, activations: Tensor2D, weights: Tensor2D): Tensor2D {
  const multiply = tf.customGrad((a, b, save) => {
    const [x, w] = [a as Tensor2D, b as Tensor2D]
    ;(save as GradSaveFunc)([x, w])
    const gradFunc = (dy: Tensor, saved: Tensor[]): Tensor[] => {
      const [x, w] = saved as [Tensor2D, Tensor2D]
      return [tf.matMul(dy, tf.transpose(w)), tf.matMul(tf.transpose(x), dy)]
    }
    return { value: tf.matMul(x, w), gradFunc }
  })
  return multiply(activations, weights) as Tensor2D
}

/** The same for the first layer, where the gradient with respect to the images is not needed. */
function ofImages(tf: Tf, images: Tensor2D, weights: Tensor2D): Tensor2D {
  const multiply = tf.customGrad((w) => ({
    value: tf.matMul(images, w as Tensor2D),
    // (dyᵀx)ᵀ, as dy is far narrower than x.
    gradFunc: (dy: Tensor) => tf.transpose(tf.matMul(tf.transpose(dy as Tensor2D), images)),
  }))
  return multiply(weights) as Tensor2D
}

const GELU_SCALE = 2 * Math.sqrt(2 / Math.PI)

/** x/2·(1 + tanh(√(2/π)(x + 0.044715x³))), written with the sigmoid: (1 + tanh u)/2 = σ(2u). */
function gelu(tf: Tf, sums: Tensor2D): Tensor2D {
  const inner = tf.mul(sums, tf.add(tf.mul(tf.square(sums), 0.044715 * GELU_SCALE), GELU_SCALE))
  return tf.mul(sums, tf.sigmoid(inner))
}

function crossEntropy(tf: Tf, digits: Tensor, logits: Tensor2D): Scalar {
  return tf.losses.softmaxCrossEntropy(digits, logits)
}

function share(logits: Tensor2D, { labels, count }: Batch): number {
  const guesses = logits.argMax(1).dataSync()
  return labels.reduce((right, label, row) => right + (guesses[row] === label ? 1 : 0), 0) / count
}
