// @ts-check
import { adam, heavyBall, inducedMetric } from '@induced-metric/core'
import { gpt, resnet18 } from '@induced-metric/onnxruntime/models'

/**
 * A network, data and an optimiser, the same here and in PyTorch.
 *
 * @typedef {object} Problem
 * @property {() => import('@induced-metric/onnxruntime/onnx').Model} model
 * @property {{ readonly name: 'SGD' | 'AdamW', readonly [option: string]: unknown }} torch the optimiser as torch.optim names it
 * @property {Readonly<Record<string, number>>} network what the PyTorch network is made with
 * @property {() => import('@induced-metric/core').Transformation} optimizer the same by the core: ξ = 0 is the base
 * @property {(step: number) => Batch} batch what step 0, 1, … sees
 */

/**
 * @typedef {object} Batch
 * @property {string} input the name of the model's input
 * @property {Float32Array | BigInt64Array} data its elements
 * @property {readonly number[]} dims
 * @property {BigInt64Array} labels
 */

/** Steps of a loss curve. */
export const steps = 50

/**
 * Numbers from 0 up to 1, from a seed.
 *
 * @param {number} seed
 */
function uniform(seed) {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

const images = { batches: 4, batch: 8, classes: 10, size: 32, channels: 3 }
const imageSize = images.channels * images.size ** 2
const pattern = uniform(1)
const patterns = Array.from({ length: images.classes }, () =>
  Float32Array.from({ length: imageSize }, () => pattern() - 0.5),
)
const text = { batch: 8, length: 64, vocabulary: 65 }

/** @type {Readonly<Record<'resnet18' | 'gpt', Problem>>} */
export const problems = {
  /**
   * Ten patterns under some noise, four batches in turn, and small steps: normalisation over a small batch magnifies
   * rounding. At a rate of 1e-4 PyTorch in single precision is up to 5e-4 from itself in double within 50 steps.
   */
  resnet18: {
    model: () => resnet18({ seed: 1 }),
    network: { classes: images.classes, channels: images.channels, width: 64 },
    torch: { name: 'SGD', lr: 3e-5, momentum: 0.9 },
    optimizer: () => inducedMetric(heavyBall({ momentum: 0.9 }), { learningRate: 3e-5, xi: 0 }),
    batch(step) {
      const random = uniform((step % images.batches) + 1000)
      const labels = BigInt64Array.from({ length: images.batch }, () =>
        BigInt(Math.floor(random() * images.classes)),
      )
      const data = Float32Array.from({ length: images.batch * imageSize }, (_, i) => {
        const label = Number(labels[Math.floor(i / imageSize)])
        return (patterns[label]?.[i % imageSize] ?? 0) + 0.2 * (random() - 0.5)
      })
      return { input: 'input', data, dims: [images.batch, images.channels, images.size, images.size], labels }
    },
  },
  /** Text in which the two tokens before mostly say what comes next. */
  gpt: {
    model: () => gpt({ seed: 1, flatten: true }),
    network: { vocabulary: text.vocabulary, context: text.length, layers: 4, heads: 4, width: 128 },
    torch: { name: 'AdamW', lr: 1e-3, betas: [0.9, 0.99], eps: 1e-8, weight_decay: 0.1 },
    optimizer: () =>
      inducedMetric(adam({ beta1: 0.9, beta2: 0.99, epsilon: 1e-8 }), {
        learningRate: 1e-3,
        xi: 0,
        weightDecay: 0.1,
      }),
    batch(step) {
      const { batch, length, vocabulary } = text
      const random = uniform(step + 2000)
      const data = new BigInt64Array(batch * length)
      const labels = new BigInt64Array(batch * length)
      for (let row = 0; row < batch; row++) {
        let [before, last] = [Math.floor(random() * vocabulary), Math.floor(random() * vocabulary)]
        for (let i = 0; i < length; i++) {
          const next =
            random() < 0.1 ? Math.floor(random() * vocabulary) : (last + (before % 3) + 1) % vocabulary
          data[row * length + i] = BigInt(last)
          labels[row * length + i] = BigInt(next)
          ;[before, last] = [last, next]
        }
      }
      return { input: 'input_ids', data, dims: [batch, length], labels }
    },
  },
}
