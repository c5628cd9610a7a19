import { createRequire } from 'node:module'

import type * as Ort from 'onnxruntime-node'
import type { TrainingSession } from '@induced-metric/onnxruntime'

import type { Batch } from '../data/batches.js'
import { PIXELS } from '../data/digits.js'
import { shareRight } from '../network/accuracy.js'
import { buildArtifacts } from '../network/artifacts.js'
import type { NetworkArray } from '../network/network.js'
import type { Setting } from '../settings.js'
import type { Availability, Framework, TrainingJob } from '../training/framework.js'
import { takeSteps } from '../training/loop.js'

/** ONNX Runtime, from training artifacts that this program writes itself. */
export const framework: Framework = { id: 'onnxruntime', title: 'ONNX Runtime (CPU)', available, train }

async function available(): Promise<Availability> {
  try {
    await import('onnxruntime-node')
    const { version } = createRequire(import.meta.url)('onnxruntime-node/package.json') as { version: string }
    return { ok: true, detail: `ONNX Runtime ${version}, CPU` }
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : String(error) }
  }
}

async function train(job: TrainingJob): Promise<void> {
  const { network, batches, test, setting } = job
  const ort = await import('onnxruntime-node')
  const session = await createSession(ort, network, setting)
  try {
    const feeds = batches.map((batch) => feedsOf(ort, batch))
    const testFeeds = feedsOf(ort, test)
    await takeSteps(job, {
      async step(batch, place) {
        const { loss, output } = numbersOf(await session.runTrainStep(feeds[place]!))
        const { scale, dualNorm } = await session.runOptimizerStep()
        await session.lazyResetGrad()
        return {
          loss,
          accuracy: shareRight(output, batch.labels),
          ...(setting.stock === undefined
            ? { scale, dualNorm: Number.isNaN(dualNorm) ? null : dualNorm }
            : { scale: null, dualNorm: null }),
        }
      },
      async evaluate() {
        const { loss, output } = numbersOf(await session.runEvalStep(testFeeds))
        return { testLoss: loss, testAccuracy: shareRight(output, test.labels) }
      },
    })
  } finally {
    await session.release()
  }
}

/** The loss and the logits of a step. */
function numbersOf({ loss, output }: Awaited<ReturnType<TrainingSession['runTrainStep']>>): {
  readonly loss: number
  readonly output: Float32Array
} {
  return { loss: (loss!.data as Float32Array)[0]!, output: output!.data as Float32Array }
}

async function createSession(
  ort: typeof Ort,
  network: readonly NetworkArray[],
  { stock, transformation }: Setting,
): Promise<TrainingSession> {
  const { TrainingSession } = await import('@induced-metric/onnxruntime')
  const { optimizerModel, ...artifacts } = await buildArtifacts(network, stock)
  // The framework's own Adam is the AdamW of the artifacts' optimizer model.
  const optimizer = stock === undefined ? { optimizer: transformation } : { optimizerModel }
  const session = await TrainingSession.create({ ...artifacts, ...optimizer, ort })
  if (stock !== undefined) session.setLearningRate(stock.learningRate)
  return session
}

function feedsOf(
  ort: typeof Ort,
  { images, labels, count }: Batch,
): { readonly input: Ort.Tensor; readonly labels: Ort.Tensor } {
  return {
    input: new ort.Tensor('float32', images, [count, PIXELS]),
    labels: new ort.Tensor('int64', BigInt64Array.from(labels, BigInt), [count]),
  }
}
