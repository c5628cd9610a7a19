import type { LoweredTrainingModel, Ort, OrtSession, OrtValues } from '@induced-metric/onnx'
import { applyTypeRules, valueTypes, type ValueTypes } from '@induced-metric/onnx/adapter'
import type { Model } from '@induced-metric/onnx/proto'
import { fillsFetches } from '../ort/fillsOutputs.js'
import { createBatchCheck } from './batchSize.js'
import { checkFeeds, checkNotEmpty, modelInputs, type ModelInput } from './feeds.js'
import { createLabelCheck } from './labels.js'
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
  /**
   * Throws for feeds that do not fit, before anything has changed. A promise that it returns must be awaited: it rejects
   * for such feeds.
   */
  readonly check: (method: string, feeds: OrtValues) => Promise<void> | undefined
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
  // A caller may feed inputs of the eval model that none of its outputs depends on, to both models.
  const unread = new Set(evaluation?.whole.graph.input.map(({ name }) => name))
  for (const name of parameters) unread.delete(name)

  const makeRunnable = async (
    original: Model,
    model: Model,
    what: string,
    outputs: readonly string[],
  ): Promise<RunnableModel> => {
    const session = await createModelSession(ort, model, what, sessionOptions)
    held.push(session)
    const types = typesOf(original)
    const labels = await createLabelCheck(ort, original, types, parameters)
    held.push(labels)
    const inputs = modelInputs(model)
    const fed = inputs.filter(({ name }) => !parameters.has(name))
    const checkBatch = createBatchCheck(original, types, fed)
    const check = (method: string, feeds: OrtValues): Promise<void> | undefined => {
      checkFeeds(method, feeds, fed, unread)
      if (original === train.original) checkNotEmpty(method, feeds, fed)
      checkBatch(method, feeds)
      labels.check(method, feeds)
      return labels.checkComputed?.(method, feeds)
    }
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

function typesOf({ graph }: Model): ValueTypes {
  const types = valueTypes(graph)
  applyTypeRules(graph, types)
  return types
}
