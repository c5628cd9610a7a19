// @ts-check
import { TrainingSession } from '@induced-metric/onnxruntime'
import { generateArtifacts } from '@induced-metric/onnxruntime/artifacts'
import * as ort from 'onnxruntime-node'
import { steps } from './problems.mjs'

/** @typedef {import('./problems.mjs').Batch} Batch */

/**
 * A batch as a training model of cross-entropy takes it.
 *
 * @param {Batch} batch
 * @returns {Record<string, ort.Tensor>}
 */
export function feedsOf({ input, data, dims, labels }) {
  return {
    [input]:
      data instanceof Float32Array
        ? new ort.Tensor('float32', data, dims)
        : new ort.Tensor('int64', data, dims),
    labels: new ort.Tensor('int64', labels, [labels.length]),
  }
}

/**
 * Trains a network from artifacts generated of its forward model, on one thread.
 *
 * @param {import('./problems.mjs').Problem} problem
 * @returns {Promise<{ losses: number[], milliseconds: number[], generated: number }>} the loss and the time of each step,
 *   and the time that generating took
 */
export async function trainHere({ model, optimizer, batch }) {
  const forward = model()
  const started = performance.now()
  const { trainModel, checkpointState } = await generateArtifacts(forward, { loss: 'cross-entropy' })
  const generated = performance.now() - started
  const session = await TrainingSession.create(
    { trainModel, checkpointState, optimizer: optimizer() },
    { intraOpNumThreads: 1, interOpNumThreads: 1 },
  )
  const losses = []
  const milliseconds = []
  for (let step = 0; step < steps; step++) {
    const feeds = feedsOf(batch(step))
    const start = performance.now()
    await session.runTrainStep(feeds)
    await session.runOptimizerStep()
    await session.lazyResetGrad()
    milliseconds.push(performance.now() - start)
    losses.push(Number(session.report.loss))
  }
  await session.release()
  return { losses, milliseconds, generated }
}
