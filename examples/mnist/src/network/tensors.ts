import type * as tfjsNamespace from '@tensorflow/tfjs'
import type { GradSaveFunc, Optimizer, Scalar, Tensor, Tensor2D, Variable } from '@tensorflow/tfjs'

import type { Batch } from '../data/batches.js'
import { PIXELS } from '../data/digits.js'
import type { StockAdam } from '../settings.js'
import type { NetworkArray } from './network.js'

// The network in TensorFlow.js. The demonstration trains it in Node, and the site's benchmark in a browser.

type Tf = typeof tfjsNamespace

/** The network as variables, which the caller disposes of. */
export function createVariables(tf: Tf, network: readonly NetworkArray[], prefix: string): Variable[] {
  return network.map(({ name, shape, data }) =>
    tf.tidy(() => tf.variable(tf.tensor(data.slice(), [...shape]), true, `${prefix}/${name}`)),
  )
}

/** The framework's own Adam. */
export function stockAdam(tf: Tf, { learningRate, beta1, beta2, epsilon }: StockAdam): Optimizer {
  return tf.train.adam(learningRate, beta1, beta2, epsilon)
}

/** Takes a step with a batch. Returns the loss and the share of right guesses before it. */
export function trainStep(
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

/** The loss, and the share of right guesses. */
export function evaluate(
  tf: Tf,
  variables: Variable[],
  test: Batch,
): { testLoss: number; testAccuracy: number } {
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
