import {
  findLearningRate as searchRates,
  InducedMetricError,
  type Checkpoint,
  type RateSearch,
  type TrainingSearchOptions,
} from '@induced-metric/core'
import { checkTraining } from '@induced-metric/core/adapter'
import type { TrainingSession } from './trainingSession.js'

/** A training session, in this thread or in one of its own. */
export interface RateSession extends Pick<
  TrainingSession,
  'lazyResetGrad' | 'getContiguousParameters' | 'loadParametersBuffer'
> {
  readonly report: TrainingSession['report'] | undefined
  setLearningRate(value: number): void | Promise<void>
  saveOptimizer(): Checkpoint | Promise<Checkpoint>
  loadOptimizer(checkpoint: Checkpoint): void | Promise<void>
}

/** Everything that a step changes. */
interface SavedSession {
  readonly parameters: Uint8Array
  /** Whether these are the trainable ones alone. */
  readonly areTrainable: boolean
  readonly state: Checkpoint
}

/**
 * Searches for the learning rate of a session: trains with rates that grow from call to call until the loss diverges, then puts
 * parameters and the optimiser's state back, bit for bit. See the core's `findLearningRate`. Gradients of earlier train
 * steps are dropped.
 *
 * @param session a `TrainingSession` or a `WorkerSession`, with an optimiser
 * @param train takes train steps and an optimiser step, and returns the loss; it is given the number of the call, from 0. The
 *   gradients have been reset before each call
 * @param options `from`, `to`, `steps`, `smoothing`, `divergence`; `xi` and `setXi`
 * @returns the sweep, a suggestion, and charts
 * @throws ERR_OPTION for a wrong option; what `train` throws. Parameters and state have been put back then, too.
 *
 * @example
 * ```ts no-run
 * import { findLearningRate, type TrainingSession } from '@induced-metric/onnxruntime'
 * import type { OrtTensor } from '@induced-metric/onnx'
 *
 * declare const session: TrainingSession
 * declare const batches: Record<string, OrtTensor>[]
 *
 * const { suggestion, text } = await findLearningRate(session, async (i) => {
 *   await session.runTrainStep(batches[i % batches.length]!)
 *   return (await session.runOptimizerStep()).loss!
 * })
 * console.log(suggestion, text())
 * ```
 */
export async function findLearningRate(
  session: RateSession,
  train: (index: number) => number | Promise<number>,
  { setXi, ...options }: TrainingSearchOptions = {},
): Promise<RateSearch> {
  checkTraining(train)
  return searchRates<SavedSession>(
    {
      async step(learningRate, index) {
        await session.setLearningRate(learningRate)
        await session.lazyResetGrad()
        const loss = await train(index)
        return { loss, ...(session.report && { scale: session.report.scale }) }
      },
      async save() {
        const state = await session.saveOptimizer()
        return { ...(await parametersOf(session)), state }
      },
      async load({ parameters, areTrainable, state }) {
        await session.loadParametersBuffer(parameters.slice(), areTrainable)
        await session.loadOptimizer(state)
        await session.lazyResetGrad()
      },
      ...(setXi && { setXi }),
    },
    options,
  )
}

/** All parameters, or the trainable ones where others are of another type: those do not change. */
async function parametersOf(session: RateSession): Promise<Omit<SavedSession, 'state'>> {
  const read = async (areTrainable: boolean): Promise<Omit<SavedSession, 'state'>> => {
    const { data } = await session.getContiguousParameters(areTrainable)
    const { buffer, byteOffset, byteLength } = data as Float32Array
    return { parameters: new Uint8Array(buffer, byteOffset, byteLength).slice(), areTrainable }
  }
  try {
    return await read(false)
  } catch (error) {
    if (error instanceof InducedMetricError && error.code === 'ERR_NOT_SUPPORTED') return read(true)
    throw error
  }
}
