import type { MatrixRows } from '@induced-metric/core'
import { TrainingSession, type OrtValues } from '@induced-metric/onnxruntime'
import { generateArtifacts, type LossName } from '@induced-metric/onnxruntime/artifacts'
import type { Model } from '@induced-metric/onnxruntime/onnx'
import { shareRight } from '@induced-metric/example-mnist'

import type { Problem, Score } from './task.js'

/** A network to train, with its data. */
export interface SessionPlan {
  readonly forward: Model
  readonly loss: LossName
  /** The meaning of the rows of its matrices. */
  readonly rowsAre: MatrixRows
  /** The feeds of a step, counted from 1. */
  readonly feeds: (step: number) => OrtValues
  /** Batches of equal size; their mean loss is that of a run. */
  readonly training: readonly OrtValues[]
  /** The data on which the accuracy is measured, from the logits `output`. */
  readonly test?: { readonly feeds: OrtValues; readonly labels: Uint8Array }
}

/** One thread: several runs side by side use the cores better, and sums are the same everywhere. */
export const sessionOptions = { intraOpNumThreads: 1, interOpNumThreads: 1, executionMode: 'sequential' }

/** A network's loss and gradients from ONNX Runtime, which runs the gradient graph that `generateArtifacts` makes. */
export async function openSession({
  forward,
  loss,
  rowsAre,
  feeds,
  training,
  test,
}: SessionPlan): Promise<Problem> {
  const artifacts = await generateArtifacts(forward, {
    loss,
    additionalOutputs: test === undefined ? [] : ['output'],
  })
  const session = await TrainingSession.create(artifacts, sessionOptions)
  const [lossName] = session.trainingOutputNames as [string]
  const lossOf = (results: OrtValues): number => (results[lossName]!.data as Float32Array)[0]!

  const evaluate = async (): Promise<Score> => {
    let sum = 0
    for (const batch of training) sum += lossOf(await session.runEvalStep(batch, [lossName]))
    const mean = sum / training.length
    if (test === undefined) return { loss: mean }
    const { output } = await session.runEvalStep(test.feeds, ['output'])
    return { loss: mean, accuracy: shareRight(output!.data as Float32Array, test.labels) }
  }
  return {
    parameters: [...session.parameters].map(([name, { dims, data }]) => ({
      name,
      shape: dims,
      rowsAre,
      data: data as Float32Array,
    })),
    gradients: [...session.gradients.values()].map(({ data }) => data as Float32Array),
    async differentiate(step) {
      const value = lossOf(await session.runTrainStep(feeds(step), [lossName]))
      await session.lazyResetGrad()
      return value
    },
    evaluate,
    release: () => session.release(),
  }
}
