import {
  createOptimizer,
  inducedMetric,
  sgd,
  type Optimizer,
  type Transformation,
} from '@induced-metric/core'
import { withGroups } from '@induced-metric/core/adapter'
import { lowerings as builtinLowerings, type NamedTensor, type Property } from '@induced-metric/onnx'
import { groupName, isOwnProperty, restoreOptimizer } from '@induced-metric/onnx/adapter'
import { defaultLearningRate, readOptimizerModel } from '../optimizerModel/read.js'
import { defaultOrt } from '../ort/ort.js'
import { readArtifacts, type SessionArtifacts } from './artifacts.js'
import { lowerModels } from './lowerModels.js'
import { checkProviders, checkSessionOptions, type TrainingSessionOptions } from './options.js'
import { matchParameters, type SessionParameters } from './parameters.js'
import { createRuntime, type Runtime } from './runtime.js'

/** The parts of a session. */
export interface SessionSetup {
  readonly runtime: Runtime
  /** Its memory holds the trainable parameters, their gradients and the slots. */
  readonly optimizer: Optimizer
  /** Whether it steps. A session without an optimiser to step with has one for its memory alone. */
  readonly steps: boolean
  readonly frozen: readonly NamedTensor[]
  /** The checkpoint's properties, without those that this package writes. */
  readonly properties: Map<string, Property>
}

/**
 * Creates the parts of a session: reads all artifacts, lowers all models, then matches parameters and creates the optimiser
 * and the sessions of the runtime.
 *
 * @throws as `TrainingSession.create`
 */
export async function setUp(options: TrainingSessionOptions, sessionOptions?: object): Promise<SessionSetup> {
  checkSessionOptions(options)
  checkProviders(sessionOptions)
  const artifacts = await readArtifacts(options)
  const models = lowerModels(artifacts, options.lowerings ?? builtinLowerings)
  const { lowered } = models.train
  const inModels = artifacts.evalModel ? [lowered.model, artifacts.evalModel] : [lowered.model]
  const parameters = matchParameters(lowered, inModels, artifacts.state, options.groupOf)
  const { optimizer, steps } = createSessionOptimizer(options, artifacts, parameters)

  const { trainable, frozen } = parameters
  const ort = options.ort ?? (await defaultOrt())
  const names = new Set([...trainable, ...frozen].map(({ name }) => name))
  return {
    runtime: await createRuntime(ort, models, names, sessionOptions),
    optimizer,
    steps,
    // A step moves running statistics, so the session has its own copy of them, not the caller's arrays.
    frozen: frozen.map((tensor) =>
      lowered.buffers.some(({ parameter }) => parameter === tensor.name)
        ? { ...tensor, data: tensor.data.slice() }
        : tensor,
    ),
    properties: new Map([...(artifacts.state?.properties ?? [])].filter(([key]) => !isOwnProperty(key))),
  }
}

/** Creates the optimiser that was given, or that the optimizer model describes, and restores its state. */
function createSessionOptimizer(
  options: TrainingSessionOptions,
  { optimizerModel, state }: SessionArtifacts,
  { trainable, frozen }: SessionParameters,
): Pick<SessionSetup, 'optimizer' | 'steps'> {
  // The rate of a genuine optimizer model is the session's: the one that was set on the optimiser, once there is one.
  let fixedRate = (): number | undefined => undefined
  const { transformation, steps } = chosenTransformation(options, { optimizerModel, state }, () =>
    fixedRate(),
  )
  const optimizer = createOptimizer(transformation, trainable, {
    adopt: true,
    // Options may name frozen parameters and give them a group: the same options fit any choice of trainable parameters.
    others: () => {
      const { groupOf } = options
      const infos = frozen.map(({ name, dims }) => ({ name, shape: dims }))
      return withGroups(infos, groupOf && (({ name, shape }) => groupOf({ name, dims: shape })))
    },
  })
  fixedRate = () => optimizer.fixedLearningRate
  if (steps && state && options.optimizerState !== 'fresh') restoreOptimizer(optimizer, state)
  return { optimizer, steps }
}

/**
 * The optimiser that was given, or that the optimizer model describes.
 *
 * @param fixedRate the learning rate that was set on it, if any was
 * @returns `steps`: whether there is one. Without it, one that never steps takes its place
 */
export function chosenTransformation(
  options: Pick<TrainingSessionOptions, 'optimizer'>,
  { optimizerModel, state }: Pick<SessionArtifacts, 'optimizerModel' | 'state'>,
  fixedRate: () => number | undefined,
): { readonly transformation: Transformation; readonly steps: boolean } {
  const saved = state?.optimizerGroups.find(({ name }) => name === groupName)?.initialLearningRate
  const initialRate = saved === undefined || saved === 0 ? defaultLearningRate : saved
  const rate = (): number => fixedRate() ?? initialRate
  const chosen = options.optimizer ?? (optimizerModel && readOptimizerModel(optimizerModel, rate))
  return {
    transformation: chosen ?? inducedMetric(sgd(), { learningRate: 0, xi: 0 }),
    steps: chosen !== undefined,
  }
}
