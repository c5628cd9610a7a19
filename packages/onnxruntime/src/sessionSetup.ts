import { createOptimizer, inducedMetric, sgd, withGroups, type Optimizer } from '@induced-metric/core'
import { readArtifact, type Artifact } from './artifact.js'
import { readCheckpoint, readCheckpointFile } from './checkpoint/index.js'
import { fillsFetches } from './fetching.js'
import { defaultLearningRate, readOptimizerModel } from './genuine.js'
import { lowerModel, lowerTrainingModel, type LoweredTrainingModel } from './lowering/lower.js'
import { lowerings as builtinLowerings } from './lowering/table.js'
import { modelInputs, type ModelInput } from './modelInput.js'
import { createModelSession } from './modelSession.js'
import { defaultOrt, type Ort, type OrtSession } from './namespace.js'
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
}

/** What a session consists of. */
export interface SessionSetup {
  readonly runtime: Runtime
  /** Its memory holds the trainable parameters, their gradients and the slots. */
  readonly optimizer: Optimizer
  /** Whether it steps: without an optimiser to step with, it is there for its memory alone. */
  readonly steps: boolean
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
  const initialRate = saved === undefined || saved === 0 ? defaultLearningRate : saved
  let fixedRate = (): number | undefined => undefined
  const genuineRate = (): number => fixedRate() ?? initialRate
  const optimizerModel = await readOptional(options.optimizerModel, 'optimizerModel')
  const chosen = options.optimizer ?? (optimizerModel && readOptimizerModel(optimizerModel, genuineRate))
  // Without an optimiser, what remains of one is the memory.
  const transformation = chosen ?? inducedMetric(sgd(), { learningRate: 0, xi: 0 })
  const optimizer = createOptimizer(transformation, trainable, {
    adopt: true,
    // What is frozen may be named, and have a group: the same options go with any choice of what is trained.
    others: () => {
      const { groupOf } = options
      const infos = frozen.map(({ name, dims }) => ({ name, shape: dims }))
      return withGroups(infos, groupOf && (({ name, shape }) => groupOf({ name, dims: shape })))
    },
  })
  fixedRate = () => optimizer.fixedLearningRate
  if (chosen && state && options.optimizerState !== 'fresh') restoreOptimizer(optimizer, state)

  const ort = options.ort ?? (await defaultOrt())
  const fills = await fillsFetches(ort)
  const train = await createModelSession(ort, lowered.model, 'trainModel', sessionOptions)
  let evaluation: Runtime['evaluation']
  try {
    const runnable = evalModel && lowerModel(evalModel, lowerings)
    evaluation = runnable && {
      session: await createModelSession(ort, runnable, 'evalModel', sessionOptions),
      inputs: modelInputs(runnable),
      outputs: runnable.graph.output.map(({ name }) => name),
    }
  } catch (error) {
    await train.release()
    throw error
  }
  return {
    runtime: {
      ort,
      fillsFetches: fills,
      train,
      trainInputs: modelInputs(lowered.model),
      lowered,
      evaluation,
      evalModel,
    },
    optimizer,
    steps: chosen !== undefined,
    // What a step moves along is the session's own, not the caller's.
    frozen: frozen.map((tensor) =>
      lowered.buffers.some(({ parameter }) => parameter === tensor.name)
        ? { ...tensor, data: tensor.data.slice() }
        : tensor,
    ),
    properties: new Map([...(state?.properties ?? [])].filter(([key]) => !isOwnProperty(key))),
  }
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
