import type { Transformation } from '@induced-metric/core'
import {
  createRandom,
  cutBatches,
  forwardModel,
  initializeNetwork,
  loadMnist,
  PIXELS,
  shareRight,
  wholeBatch,
  type Batch,
  type Mnist,
} from '@induced-metric/example-mnist'
import { sessionOptions } from '@induced-metric/example-robustness'
import { TrainingSession } from '@induced-metric/onnxruntime'
import { generateArtifacts } from '@induced-metric/onnxruntime/artifacts'
import * as ort from 'onnxruntime-node'

const BATCH = 1024
/** The paper evaluates whole batches of the test set too: 9 of them, and drops the other 784 pictures. */
const PAPERS_TEST = 9 * BATCH

/** The results of an epoch. */
export interface Epoch {
  /** Accuracy on the 9216 test pictures that the paper evaluates. */
  readonly accuracy: number
  /** Accuracy on all 10,000. */
  readonly wholeAccuracy: number
  /** Mean cross-entropy of the epoch's batches, each before its step. */
  readonly trainingLoss: number
  /** Mean of the factor ρ over the epoch. */
  readonly scale: number
}

/** One training run on handwritten digits. */
export interface DigitsRun {
  readonly transformation: Transformation
  readonly epochs: number
  /** Determines the initial weights and the order of the pictures. */
  readonly seed: number
  /** The maximum number of batches per epoch, for a quick look. */
  readonly limit?: number
  /** Called after each epoch, counted from 1. */
  readonly onEpoch: (epoch: number, results: Epoch) => void
}

let digits: Promise<Mnist> | undefined

/** Trains the paper's network, 784-64-64-10 with GELU, as the paper does: batches of 1024, shuffled once. */
export async function trainDigits({
  transformation,
  epochs,
  seed,
  limit,
  onEpoch,
}: DigitsRun): Promise<void> {
  digits ??= loadMnist()
  const { train, test } = await digits
  const random = createRandom(seed)
  const network = initializeNetwork(random)
  const feeds = cutBatches(train, BATCH, random, limit).map(feedsOf)
  const tested = wholeBatch(test)
  const testFeeds = feedsOf(tested)
  const artifacts = await generateArtifacts(forwardModel(network), {
    loss: 'cross-entropy',
    additionalOutputs: ['output'],
  })
  const session = await TrainingSession.create({ ...artifacts, optimizer: transformation }, sessionOptions)
  try {
    for (let epoch = 1; epoch <= epochs; epoch++) {
      let [loss, scale] = [0, 0]
      for (const batch of feeds) {
        const { loss: value } = await session.runTrainStep(batch, ['loss'])
        loss += (value!.data as Float32Array)[0]! / feeds.length
        scale += (await session.runOptimizerStep()).scale / feeds.length
        await session.lazyResetGrad()
      }
      const { output } = await session.runEvalStep(testFeeds, ['output'])
      const logits = output!.data as Float32Array
      const part = tested.labels.subarray(0, PAPERS_TEST)
      onEpoch(epoch, {
        accuracy: shareRight(logits.subarray(0, PAPERS_TEST * 10), part),
        wholeAccuracy: shareRight(logits, tested.labels),
        trainingLoss: loss,
        scale,
      })
    }
  } finally {
    await session.release()
  }
}

function feedsOf({ images, labels, count }: Batch): Record<string, ort.Tensor> {
  return {
    input: new ort.Tensor('float32', images, [count, PIXELS]),
    labels: new ort.Tensor('int64', BigInt64Array.from(labels, BigInt), [count]),
  }
}
