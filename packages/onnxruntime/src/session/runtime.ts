import {
  dropUnused,
  infer,
  type ValueTypes,
  valueTypes,
  withFields,
  withGenuineLosses,
} from '@induced-metric/onnx/adapter'
import { createBatchCheck } from './batchSize.js'
import { fillsFetches } from '../ort/fillsOutputs.js'
import { createLabelCheck } from './labels.js'
import {
  type LoweredTrainingModel,
  type LoweringTable,
  lowerModel,
  type Ort,
  type OrtSession,
  type OrtValues,
} from '@induced-metric/onnx'
import { checkFeeds, checkNotEmpty, modelInputs, type ModelInput } from './feeds.js'
import { createModelSession } from './modelSession.js'
import type { Model } from '@induced-metric/onnx/proto'

/** A session of the runtime, and what it is fed. */
export interface RunnableModel {
  readonly session: OrtSession
  /** Parameters among them. */
  readonly inputs: readonly ModelInput[]
  /** The inputs that the caller feeds. */
  readonly fed: readonly ModelInput[]
  readonly outputs: readonly string[]
  /** Throws for feeds that do not fit, before anything has changed; what it returns, if anything, is to be waited for. */
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

/** The models that a training session runs. */
export interface SessionModels {
  readonly train: Model
  readonly lowered: LoweredTrainingModel
  readonly evaluation: Model | undefined
}

/**
 * Makes the sessions of the runtime.
 *
 * @param parameters what of the models' inputs the caller does not feed
 * @throws ERR_NOT_SUPPORTED where the runtime cannot run a model; what was made is released
 */
export async function createRuntime(
  ort: Ort,
  { train, lowered, evaluation }: SessionModels,
  lowerings: LoweringTable,
  parameters: ReadonlySet<string>,
  sessionOptions: object | undefined,
): Promise<Runtime> {
  const held: { release(): Promise<void> }[] = []
  const release = async (): Promise<void> => {
    for (const one of held) await one.release()
  }
  // Inputs of the eval model that none of its outputs depends on may be fed, to both.
  const unread = new Set(evaluation?.graph.input.map(({ name }) => name))
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
      if (original === train) checkNotEmpty(method, feeds, fed)
      checkBatch(method, feeds)
      labels.check(method, feeds)
      return labels.checkComputed?.(method, feeds)
    }
    return { session, inputs, fed, outputs, check }
  }
  try {
    const evaluated = evaluation && withoutUnused(evaluation)
    return {
      ort,
      fillsFetches: await fillsFetches(ort),
      train: await makeRunnable(train, lowered.model, 'trainModel', lowered.outputs),
      lowered,
      evaluation:
        evaluated &&
        (await makeRunnable(
          evaluated,
          lowerModel(evaluated, withGenuineLosses(lowerings)),
          'evalModel',
          evaluated.graph.output.map(({ name }) => name),
        )),
      evalModel: evaluation,
      release,
    }
  } catch (error) {
    await release()
    throw error
  }
}

function typesOf({ graph }: Model): ValueTypes {
  const types = valueTypes(graph)
  infer(graph, types)
  return types
}

/**
 * The part of an eval model that its outputs are computed from: the rest is there to be exported, and would have inputs
 * that a training model does not have.
 */
function withoutUnused(model: Model): Model {
  const graph = withFields(model.graph, {})
  const needed = dropUnused(graph)
  graph.input = graph.input.filter(({ name }) => needed.has(name))
  return withFields(model, { graph })
}
