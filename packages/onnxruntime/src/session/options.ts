import type { Transformation } from '@induced-metric/core'
import {
  checkOptions,
  checkTransformation,
  isList,
  optionError,
  unsupported,
} from '@induced-metric/core/adapter'
import type { Artifact, CheckpointState, LoweringTable, Ort } from '@induced-metric/onnx'
import type { ParameterDescription } from './parameters.js'

/** Options of {@link TrainingSession.create}. */
export interface TrainingSessionOptions {
  /** training_model.onnx: its content, its path or its URL. */
  readonly trainModel: Artifact
  /** eval_model.onnx. */
  readonly evalModel?: Artifact
  /** optimizer_model.onnx. Its hyperparameters define the optimiser if there is no `optimizer`. */
  readonly optimizerModel?: Artifact | undefined
  /**
   * The checkpoint, in the form of any release of the runtime, or its contents. Without it all parameters are zero
   * until `loadParametersBuffer` sets them.
   */
  readonly checkpointState?: Artifact | CheckpointState
  /** The same, as `generateArtifacts` returns it: `TrainingSession.create({ ...artifacts, optimizer })`. */
  readonly state?: CheckpointState
  /** The summary that `generateArtifacts` returns; a session does not read it. */
  readonly summary?: object
  /** The optimiser: a transformation of the core, such as `inducedMetric(adam(), { learningRate: 0.001 })`. */
  readonly optimizer?: Transformation
  /** The package of the runtime to use: onnxruntime-node (default), or onnxruntime-web in a page. */
  readonly ort?: Ort
  /** The group of each parameter, for a transformation that has options by group. */
  readonly groupOf?: (parameter: ParameterDescription) => string | undefined
  /** The optimiser's initial state: the one in the checkpoint (`'resume'`, default), or none (`'fresh'`). */
  readonly optimizerState?: 'resume' | 'fresh'
  /** Rows for operators in addition to those of `lowerings`, or replacing them. */
  readonly lowerings?: LoweringTable
}

/** The kinds of the options of a session. */
export const sessionOptionSpecs = {
  trainModel: 'any',
  evalModel: 'any',
  optimizerModel: 'any',
  checkpointState: 'any',
  state: 'any',
  summary: 'any',
  optimizer: 'any',
  ort: 'any',
  groupOf: 'function',
  optimizerState: ['resume', 'fresh'],
  lowerings: 'any',
} as const

/**
 * Checks the options of a session.
 *
 * @throws ERR_OPTION
 */
export function checkSessionOptions(options: TrainingSessionOptions): void {
  if (typeof options !== 'object' || options === null || options.trainModel === undefined) {
    throw optionError('TrainingSession.create takes { trainModel, … }: training_model.onnx is required')
  }
  checkOptions('TrainingSession.create', options, sessionOptionSpecs)
  if (options.optimizer !== undefined) checkTransformation(options.optimizer)
}

/**
 * Checks the providers that the runtime is asked for. On WebGPU a session would move all parameters and gradients between the
 * device and the host at every step, and the provider has no kernels for a part of what it runs.
 *
 * @throws ERR_NOT_SUPPORTED for WebGPU
 */
export function checkProviders(sessionOptions: object | undefined): void {
  const { executionProviders } = (sessionOptions ?? {}) as { executionProviders?: unknown }
  if (!isList(executionProviders)) return
  const names = (executionProviders as readonly unknown[]).map((given) =>
    typeof given === 'object' && given !== null ? (given as { name?: unknown }).name : given,
  )
  if (!names.includes('webgpu')) return
  throw unsupported(
    'TrainingSession keeps parameters and gradients on the host, so that on WebGPU they would all be moved at every step: ' +
      'createGpuSession trains there, from the same artifacts and checkpoints. Leave webgpu out of executionProviders to train on the CPU',
  )
}
