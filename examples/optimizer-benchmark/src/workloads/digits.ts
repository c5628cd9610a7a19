import {
  createRandom,
  forwardModel,
  initializeNetwork,
  loadMnist,
  permutation,
  type DigitSet,
} from '@induced-metric/example-mnist'
import { openSession } from '@induced-metric/example-robustness'
import { lenet } from '@induced-metric/onnxruntime/models'
import * as ort from 'onnxruntime-node'

import type { Workload } from './workload.js'

/** Pictures of this many rows and columns, each pixel the mean of four of the file. */
const SIZE = 14
/** LeNet takes a multiple of four: a margin of one pixel. */
const PADDED = 16
/** Pictures from the test set, on which losses are measured. */
const VALIDATION = 256

const MLP = { batch: 128, steps: 200 }
const LENET = { batch: 16, steps: 200 }
const AUTOENCODER = { batch: 64, steps: 150 }

let digits: ReturnType<typeof loadMnist> | undefined

export const mnistMlp: Workload = {
  id: 'mnist-mlp',
  title: 'MNIST, MLP',
  description: `196-64-64-10 with GELU on digits of 14 × 14, 17,418 parameters; ${MLP.steps} batches of ${MLP.batch}; cross-entropy.`,
  steps: MLP.steps,
  async open(seed) {
    const random = createRandom(seed)
    const network = initializeNetwork(random, [SIZE ** 2, 64, 64, 10])
    const { training, validation } = await drawDigits(random, MLP)
    const feeds = (part: Part) => ({ input: images(part, [SIZE ** 2]), labels: labels(part) })
    const batches = training.map(feeds)
    return openSession({
      forward: forwardModel(network),
      loss: 'cross-entropy',
      rowsAre: 'inputs',
      feeds: (step) => batches[step - 1]!,
      training: [feeds(validation)],
    })
  },
}

export const mnistLenet: Workload = {
  id: 'mnist-lenet',
  title: 'MNIST, LeNet',
  description: `LeNet-5 on digits of 14 × 14 with a margin, 24,926 parameters; ${LENET.steps} batches of ${LENET.batch}; cross-entropy.`,
  steps: LENET.steps,
  async open(seed) {
    const { training, validation } = await drawDigits(createRandom(seed), LENET)
    const feeds = (part: Part) => ({
      input: new ort.Tensor('float32', padded(part), [part.count, 1, PADDED, PADDED]),
      labels: labels(part),
    })
    const batches = training.map(feeds)
    return openSession({
      forward: lenet({ size: PADDED, seed }),
      loss: 'cross-entropy',
      rowsAre: 'outputs',
      feeds: (step) => batches[step - 1]!,
      training: [feeds(validation)],
    })
  },
}

export const autoencoder: Workload = {
  id: 'autoencoder',
  title: 'Autoencoder',
  description: `196-64-8-64-196 with GELU on digits of 14 × 14, 26,388 parameters; ${AUTOENCODER.steps} batches of ${AUTOENCODER.batch}; mean squared error.`,
  steps: AUTOENCODER.steps,
  async open(seed) {
    const random = createRandom(seed)
    const network = initializeNetwork(random, [SIZE ** 2, 64, 8, 64, SIZE ** 2])
    const { training, validation } = await drawDigits(random, AUTOENCODER)
    const feeds = (part: Part) => ({ input: images(part, [SIZE ** 2]), target: images(part, [SIZE ** 2]) })
    const batches = training.map(feeds)
    return openSession({
      forward: forwardModel(network),
      loss: 'mse',
      rowsAre: 'inputs',
      feeds: (step) => batches[step - 1]!,
      training: [feeds(validation)],
    })
  },
}

/** Small pictures with their digits. */
interface Part {
  readonly count: number
  readonly images: Float32Array
  readonly labels: Uint8Array
}

/** Training batches without a picture twice, and a part of the test set that is the same for every seed. */
async function drawDigits(
  random: () => number,
  { batch, steps }: { readonly batch: number; readonly steps: number },
): Promise<{ readonly training: Part[]; readonly validation: Part }> {
  digits ??= loadMnist()
  const { train, test } = await digits
  const order = permutation(train.count, random)
  const training = Array.from({ length: steps }, (_, index) =>
    shrunk(train, order.subarray(index * batch, (index + 1) * batch)),
  )
  const first = Uint32Array.from({ length: VALIDATION }, (_, index) => index)
  return { training, validation: shrunk(test, first) }
}

function shrunk(set: DigitSet, rows: Uint32Array): Part {
  const pictures = new Float32Array(rows.length * SIZE ** 2)
  rows.forEach((source, row) => {
    for (let y = 0; y < 2 * SIZE; y++)
      for (let x = 0; x < 2 * SIZE; x++)
        pictures[row * SIZE ** 2 + (y >> 1) * SIZE + (x >> 1)]! +=
          set.images[source * 4 * SIZE ** 2 + y * 2 * SIZE + x]! / 1020
  })
  return { count: rows.length, images: pictures, labels: Uint8Array.from(rows, (row) => set.labels[row]!) }
}

function padded({ count, images: small }: Part): Float32Array {
  const large = new Float32Array(count * PADDED ** 2)
  for (let row = 0; row < count * SIZE; row++) {
    const [picture, y] = [Math.floor(row / SIZE), row % SIZE]
    large.set(small.subarray(row * SIZE, (row + 1) * SIZE), picture * PADDED ** 2 + (y + 1) * PADDED + 1)
  }
  return large
}

const images = (part: Part, dims: readonly number[]): ort.Tensor =>
  new ort.Tensor('float32', part.images, [part.count, ...dims])

const labels = (part: Part): ort.Tensor =>
  new ort.Tensor('int64', BigInt64Array.from(part.labels, BigInt), [part.count])
