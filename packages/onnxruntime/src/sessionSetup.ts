import { createOptimizer, inducedMetric, sgd, type Optimizer } from '@induced-metric/core'
import { readArtifact, type Artifact } from './artifact.js'
import { withFields } from './artifacts/values.js'
import { readCheckpoint, readCheckpointFile } from './checkpoint/index.js'
import { fillsFetches } from './fetching.js'
import { defaultLearningRate, readOptimizerModel } from './genuine.js'
import { withLearningRate, type LearningRate } from './learningRate.js'
import { lowerModel, lowerTrainingModel, type LoweredTrainingModel } from './lowering/lower.js'
import { lowerings as builtinLowerings } from './lowering/table.js'
import { modelInputs, type ModelInput } from './modelInput.js'
import { createModelSession } from './modelSession.js'
import { defaultOrt, type Ort, type OrtSession } from './namespace.js'
import { dropUnused } from './onnx/graph.js'
import { readModel, type Model } from './onnx/model.js'
import { checkSessionOptions, type TrainingSessionOptions } from './sessionOptions.js'
import { matchParameters } from './sessionParameters.js'
import { groupName, isOwnProperty, restoreOptimizer } from './state.js'
import type { CheckpointState, NamedTensor, Property } from './types.js'

/** The sessions of the runtime and what they are fed. */
export interface Runtime {
  readonly ort: Ort
  readonly fillsFetches: boolean
  readonly train: OrtSession
  readonly trainInputs: readonly ModelInput[]
  readonly lowered: LoweredTrainingModel
  readonly evaluation:
    | {
        readonly session: OrtSession
        readonly inputs: readonly ModelInput[]
        readonly outputs: readonly string[]
      }
    | undefined
  readonly evalModel: Model | undefined
  /** What may be fed besides: inputs of the eval model that none of its outputs depends on. */
  readonly unread: ReadonlySet<string>
}

/** What a session consists of. */
export interface SessionSetup {
  readonly runtime: Runtime
  /** Its memory holds the trainable parameters, their gradients and the slots. */
  readonly optimizer: Optimizer
  /** Whether it steps: without an optimiser to step with, it is there for its memory alone. */
  readonly steps: boolean
  readonly rate: LearningRate
  /** The learning rate by step where none was set. */
  readonly initialRate: (step: number) => number
  readonly frozen: readonly NamedTensor[]
  /** The checkpoint's, but for those of this package. */
  readonly properties: Map<string, Property>
}

/**
 * Reads the artifacts and makes of them what a session consists of.
 *
 * @throws as `TrainingSession.create`
 */
export async function setUp(options: TrainingSessionOptions, sessionOptions?: object): Promise<SessionSetup> {
  checkSessionOptions(options)
  const { lowerings = builtinLowerings, checkpointState } = options
  const trainModel = readModel(
    await readArtifact(options.trainModel, 'trainModel', 'ERR_OPTION'),
    'trainModel',
  )
  const lowered = lowerTrainingModel(trainModel, lowerings)
  const evalModel = await readOptional(options.evalModel, 'evalModel')
  const state = checkpointState === undefined ? undefined : await readState(checkpointState)
  const models = evalModel ? [lowered.model, evalModel] : [lowered.model]
  const { trainable, frozen } = matchParameters(lowered, models, state, options.groupOf)

  const saved = state?.optimizerGroups.find(({ name }) => name === groupName)?.initialLearningRate
  const rate: LearningRate = { value: undefined }
  const initialRate = saved === undefined || saved === 0 ? defaultLearningRate : saved
  const genuineRate = (): number => rate.value ?? initialRate
  const optimizerModel = await readOptional(options.optimizerModel, 'optimizerModel')
  const chosen = options.optimizer ?? (optimizerModel && readOptimizerModel(optimizerModel, genuineRate))
  // Without an optimiser, what remains of one is the memory.
  const transformation = chosen ?? inducedMetric(sgd(), { learningRate: 0, xi: 0 })
  const optimizer = createOptimizer(withLearningRate(transformation, rate), trainable, { adopt: true })
  if (chosen && state && options.optimizerState !== 'fresh') restoreOptimizer(optimizer, state)

  const ort = options.ort ?? (await defaultOrt())
  const fills = await fillsFetches(ort)
  const train = await createModelSession(ort, lowered.model, 'trainModel', sessionOptions)
  let evaluation: Runtime['evaluation']
  try {
    const runnable = evalModel && lowerModel(withoutUnused(evalModel), lowerings)
    evaluation = runnable && {
      session: await createModelSession(ort, runnable, 'evalModel', sessionOptions),
      inputs: modelInputs(runnable),
      outputs: runnable.graph.output.map(({ name }) => name),
    }
  } catch (error) {
    await train.release()
    throw error
  }
  const { learningRate } = transformation.settings
  return {
    runtime: {
      ort,
      fillsFetches: fills,
      train,
      trainInputs: modelInputs(lowered.model),
      lowered,
      evaluation,
      evalModel,
      unread: unreadInputs(evalModel, [...trainable, ...frozen]),
    },
    optimizer,
    steps: chosen !== undefined,
    rate,
    initialRate: (step) => (typeof learningRate === 'function' ? learningRate(step) : learningRate),
    // What a step moves along is the session's own, not the caller's.
    frozen: frozen.map((tensor) =>
      lowered.buffers.some(({ parameter }) => parameter === tensor.name)
        ? { ...tensor, data: tensor.data.slice() }
        : tensor,
    ),
    properties: new Map([...(state?.properties ?? [])].filter(([key]) => !isOwnProperty(key))),
  }
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

function unreadInputs(
  model: Model | undefined,
  parameters: readonly { readonly name: string }[],
): ReadonlySet<string> {
  const names = new Set(model?.graph.input.map(({ name }) => name))
  for (const { name } of parameters) names.delete(name)
  return names
}

async function readOptional(artifact: Artifact | undefined, what: string): Promise<Model | undefined> {
  return artifact === undefined
    ? undefined
    : readModel(await readArtifact(artifact, what, 'ERR_OPTION'), what)
}

async function readState(given: Artifact | CheckpointState): Promise<CheckpointState> {
  if (typeof given === 'string' && !/^https?:/.test(given)) return readCheckpointFile(given)
  if (given instanceof Uint8Array || given instanceof URL || typeof given === 'string') {
    return readCheckpoint(await readArtifact(given, 'checkpointState', 'ERR_CHECKPOINT'))
  }
  return given
}
