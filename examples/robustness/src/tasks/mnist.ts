import {
  createRandom,
  cutBatches,
  forwardModel,
  initializeNetwork,
  loadMnist,
  PIXELS,
  wholeBatch,
  type Batch,
  type Mnist,
} from '@induced-metric/example-mnist'
import * as ort from 'onnxruntime-node'

import { openSession } from './session.js'
import type { Problem, Task } from './task.js'

const BATCH = 256
const EPOCHS = 4
const STEPS = EPOCHS * Math.floor(60_000 / BATCH)
/** The number of classes, from which some labels are drawn again. */
const DIGITS = 10

/** The demonstration's network on handwritten digits. */
export const mnist: Task = {
  id: 'mnist',
  title: 'MNIST',
  description: `784-64-64-10 with GELU, 55,050 parameters; batches of ${BATCH}, ${EPOCHS} epochs.`,
  loss: 'cross-entropy',
  untrained: Math.log(DIGITS),
  steps: STEPS,
  open: (seed) => openDigits(seed),
}

/** The same network with wrong labels. */
export const labelNoise: Task = {
  id: 'label-noise',
  title: 'MNIST, 20 % random labels',
  description:
    'The same network and batches, after a fifth of the training labels has been drawn again from all ten digits. ' +
    'The loss cannot come near 0 unless the network memorises them.',
  loss: 'cross-entropy',
  untrained: Math.log(DIGITS),
  steps: STEPS,
  open: (seed) => openDigits(seed, { noise: 0.2 }),
}

let digits: Promise<Mnist> | undefined

/** The defects of some of the digits. */
interface Wrong {
  /** The share of training labels that are drawn again. */
  readonly noise?: number
  /** The share of steps whose pictures are a hundred times too bright; the final loss is without them. */
  readonly corrupt?: number
  /** The maximum number of training batches. */
  readonly limit?: number
}

/** MNIST with the weights and the shuffling of a seed. */
export async function openDigits(
  seed: number,
  { noise = 0, corrupt = 0, limit = Infinity }: Wrong = {},
): Promise<Problem> {
  digits ??= loadMnist()
  const { train, test } = await digits
  const random = createRandom(seed)
  const network = initializeNetwork(random)
  const batches = cutBatches(train, BATCH, random, limit).map((batch) => withNoise(batch, noise, random))
  const feeds = batches.map(feedsOf)
  const isCorrupt = Array.from({ length: corrupt === 0 ? 0 : STEPS }, () => random() < corrupt)
  const tested = wholeBatch(test)
  return openSession({
    forward: forwardModel(network),
    loss: 'cross-entropy',
    rowsAre: 'inputs',
    feeds: (step) => {
      const place = (step - 1) % feeds.length
      return isCorrupt[step - 1] ? feedsOf(tooBright(batches[place]!)) : feeds[place]!
    },
    training: feeds,
    test: { feeds: feedsOf(tested), labels: tested.labels },
  })
}

/** A batch with a share of its labels drawn again from all digits: nine tenths of that share are then wrong. */
export function withNoise(batch: Batch, noise: number, random: () => number): Batch {
  if (noise === 0) return batch
  const labels = batch.labels.map((label) => (random() < noise ? Math.floor(random() * DIGITS) : label))
  return { ...batch, labels }
}

function tooBright(batch: Batch): Batch {
  return { ...batch, images: batch.images.map((value) => 100 * value) }
}

function feedsOf({ images, labels, count }: Batch): Record<string, ort.Tensor> {
  return {
    input: new ort.Tensor('float32', images, [count, PIXELS]),
    labels: new ort.Tensor('int64', BigInt64Array.from(labels, BigInt), [count]),
  }
}
