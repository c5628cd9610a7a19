import { createOptimizer, inducedMetric, sgd, type Optimizer } from '@induced-metric/core'
import { withGroups } from '@induced-metric/core/adapter'
import {
  groupName,
  isOwnProperty,
  isRemote,
  loadModel,
  readArtifact,
  restoreOptimizer,
} from '@induced-metric/onnx/adapter'
import {
  type Artifact,
  type CheckpointState,
  lowerings as builtinLowerings,
  lowerTrainingModel,
  type NamedTensor,
  type Property,
  readCheckpoint,
  readCheckpointFile,
} from '@induced-metric/onnx'
import { defaultLearningRate, readOptimizerModel } from '../optimizerModel/read.js'
import { defaultOrt } from '../ort/ort.js'
import type { Model } from '@induced-metric/onnx/proto'
import { createRuntime, type Runtime } from './runtime.js'
import { checkSessionOptions, type TrainingSessionOptions } from './options.js'
import { matchParameters } from './parameters.js'

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
  const trainModel = await loadModel(options.trainModel, 'trainModel')
  const lowered = lowerTrainingModel(trainModel, lowerings)
  const evalModel = await readOptional(options.evalModel, 'evalModel')
  const state = checkpointState === undefined ? undefined : await readState(checkpointState)
  const inModels = evalModel ? [lowered.model, evalModel] : [lowered.model]
  const { trainable, frozen } = matchParameters(lowered, inModels, state, options.groupOf)

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
  const parameters = new Set([...trainable, ...frozen].map(({ name }) => name))
  const models = { train: trainModel, lowered, evaluation: evalModel }
  const runtime = await createRuntime(ort, models, lowerings, parameters, sessionOptions)
  return {
    runtime,
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
  return artifact === undefined ? undefined : loadModel(artifact, what)
}

async function readState(given: Artifact | CheckpointState): Promise<CheckpointState> {
  if (typeof given === 'string' && !isRemote(given)) return readCheckpointFile(given)
  if (given instanceof Uint8Array || given instanceof URL || typeof given === 'string') {
    return readCheckpoint(await readArtifact(given, 'checkpointState', 'ERR_CHECKPOINT'))
  }
  return given
}
