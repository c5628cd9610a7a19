import { InducedMetricError, type Transformation } from '@induced-metric/core'
import { checkOptions, checkTransformation } from '@induced-metric/core/adapter'
import type { Artifact, CheckpointState, LoweringTable, Ort } from '@induced-metric/onnx'
import type { ParameterDescription } from './parameters.js'

/** What a training session is made from. */
export interface TrainingSessionOptions {
  /** training_model.onnx: its content, or where it lies. */
  readonly trainModel: Artifact
  /** eval_model.onnx. */
  readonly evalModel?: Artifact
  /** optimizer_model.onnx: without `optimizer`, its hyperparameters are what trains. */
  readonly optimizerModel?: Artifact
  /**
   * The checkpoint, in the form of any release of the runtime, or its contents. Without one all parameters are zero until
   * `loadParametersBuffer` brings their values.
   */
  readonly checkpointState?: Artifact | CheckpointState
  /** What trains: a transformation of the core, as `inducedMetric(adam(), { learningRate: 0.001 })`. */
  readonly optimizer?: Transformation
  /** The package of the runtime to use: onnxruntime-node (default), or onnxruntime-web in a page. */
  readonly ort?: Ort
  /** The group of each parameter, for a transformation that has options by group. */
  readonly groupOf?: (parameter: ParameterDescription) => string | undefined
  /** What the optimiser starts from: the state in the checkpoint (`'resume'`, default), or nothing (`'fresh'`). */
  readonly optimizerState?: 'resume' | 'fresh'
  /** Rows for operators beyond those of `lowerings`, or in their place. */
  readonly lowerings?: LoweringTable
}

/**
 * Checks what a session is to be made from.
 *
 * @throws ERR_OPTION
 */
export function checkSessionOptions(options: TrainingSessionOptions): void {
  if (typeof options !== 'object' || options === null || options.trainModel === undefined) {
    throw new InducedMetricError(
      'ERR_OPTION',
      'TrainingSession.create takes { trainModel, … }: training_model.onnx is required',
    )
  }
  checkOptions('TrainingSession.create', options, {
    trainModel: 'any',
    evalModel: 'any',
    optimizerModel: 'any',
    checkpointState: 'any',
    optimizer: 'any',
    ort: 'any',
    groupOf: 'function',
    optimizerState: ['resume', 'fresh'],
    lowerings: 'any',
  })
  if (options.optimizer !== undefined) checkTransformation(options.optimizer)
}
