import { InducedMetricError } from '@induced-metric/core'
import { optionError } from '@induced-metric/core/adapter'
import type { LoweredTrainingModel, Ort, OrtSession } from '@induced-metric/onnx'
import type { Model } from '@induced-metric/onnx/proto'
import { fillsFetches } from '../ort/fillsOutputs.js'
import { createFeedCheck, unreadInputs, type FeedCheck } from './feedCheck.js'
import { modelInputs, type ModelInput } from './feeds.js'
import type { LoweredModels } from './lowerModels.js'
import { createModelSession } from './modelSession.js'

/** A session of the runtime, with its inputs and outputs. */
export interface RunnableModel {
  readonly session: OrtSession
  /** All inputs, parameters included. */
  readonly inputs: readonly ModelInput[]
  /** The inputs that the caller feeds. */
  readonly fed: readonly ModelInput[]
  readonly outputs: readonly string[]
  readonly check: FeedCheck['check']
}

/** The sessions of the runtime. */
export interface Runtime {
  readonly ort: Ort
  readonly fillsFetches: boolean
  readonly train: RunnableModel
  readonly lowered: LoweredTrainingModel
  readonly evaluation: RunnableModel | undefined
  /** The eval model as it was given, to be exported. */
  readonly evalModel: Model | undefined
  readonly release: () => Promise<void>
}

/**
 * Creates the sessions of the runtime.
 *
 * @param parameters the models' inputs that the caller does not feed
 * @throws ERR_NOT_SUPPORTED if the runtime cannot run a model; the sessions created until then are released
 */
export async function createRuntime(
  ort: Ort,
  { train, evaluation }: LoweredModels,
  parameters: ReadonlySet<string>,
  sessionOptions: object | undefined,
): Promise<Runtime> {
  const held: { release(): Promise<void> }[] = []
  const release = async (): Promise<void> => {
    for (const one of held) await one.release()
  }
  const unread = unreadInputs({ train, evaluation }, parameters)

  const makeRunnable = async (
    original: Model,
    model: Model,
    what: string,
    outputs: readonly string[],
  ): Promise<RunnableModel> => {
    const session = await createModelSession(ort, model, what, sessionOptions)
    held.push(session)
    const inputs = modelInputs(model)
    const fed = inputs.filter(({ name }) => !parameters.has(name))
    const checks = await createFeedCheck(ort, original, fed, {
      parameters,
      unread,
      trains: original === train.original,
    })
    held.push(checks)
    const { check } = checks
    return { session, inputs, fed, outputs, check }
  }
  try {
    const { lowered } = train
    return {
      ort,
      fillsFetches: await fillsFetches(ort),
      train: await makeRunnable(train.original, lowered.model, 'trainModel', lowered.outputs),
      lowered,
      evaluation:
        evaluation &&
        (await makeRunnable(
          evaluation.original,
          evaluation.lowered,
          'evalModel',
          evaluation.original.graph.output.map(({ name }) => name),
        )),
      evalModel: evaluation?.whole,
      release,
    }
  } catch (error) {
    await release()
    throw error
  }
}

/** The error of every call after a session's release. */
export function releasedError(): InducedMetricError {
  return new InducedMetricError('ERR_DISPOSED', 'this training session was released; create another')
}

/** The error of a method that needs an eval model, in a session without one. */
export function noEvalModel(method: string): InducedMetricError {
  return optionError(`${method}: this session has no eval model; create it with evalModel`)
}
