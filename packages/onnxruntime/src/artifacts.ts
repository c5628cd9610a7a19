/**
 * Training artifacts from forward ONNX models: `@induced-metric/onnx/artifacts` with onnxruntime-node as the default
 * runtime, and with any transformation as the optimizer.
 *
 * @packageDocumentation
 */
import type { Transformation } from '@induced-metric/core'
import { optionError, show } from '@induced-metric/core/adapter'
import {
  generateArtifacts as generateWithRuntime,
  type GenerateOptions as GenerateWithRuntimeOptions,
  type GenuineOptimizer,
  type OptimizerChoice as OptimizerModelChoice,
  type TrainingArtifacts,
} from '@induced-metric/onnx/artifacts'
import type { Artifact, Ort } from '@induced-metric/onnx'
import type { Model } from '@induced-metric/onnx/proto'
import { optimizerModel } from './optimizerModel/index.js'
import { defaultOrt } from './ort/ort.js'

export * from '@induced-metric/onnx/artifacts'

/** The optimizer: a transformation; or, by name or with hyperparameters, an optimizer of the genuine runtime. */
export type OptimizerChoice = Transformation | 'adamw' | 'sgd' | GenuineOptimizer

/** Options of {@link generateArtifacts}. */
export interface GenerateOptions extends Omit<GenerateWithRuntimeOptions, 'optimizer' | 'ort'> {
  /** The optimizer of the optimizer model. Without one there is no such model: a session then takes a transformation. */
  readonly optimizer?: OptimizerChoice
  /** The package of the runtime that infers shapes and folds constants: onnxruntime-node (default), or onnxruntime-web. */
  readonly ort?: Ort
}

/**
 * Generates training artifacts from a forward ONNX model, as `onnxruntime.training.artifacts.generate_artifacts` does
 * in Python. A `TrainingSession` trains from them, here and in training builds of the runtime.
 *
 * Parameters become inputs of the training and the eval model, and their values go to the checkpoint. Only in the
 * training model do dropouts drop and batch normalisations use the batch. Model-local functions are inlined and
 * constants folded.
 *
 * @param given the content of a `.onnx` file, its path or URL, or a model that was read. It is not changed
 * @throws as the function of this name in `@induced-metric/onnx/artifacts`; ERR_NOT_SUPPORTED if no runtime is given
 *   and onnxruntime-node cannot be loaded
 *
 * @example
 * ```ts no-run
 * import { adam, inducedMetric } from '@induced-metric/core'
 * import { TrainingSession } from '@induced-metric/onnxruntime'
 * import { generateArtifacts } from '@induced-metric/onnxruntime/artifacts'
 *
 * const artifacts = await generateArtifacts('model.onnx', {
 *   loss: 'cross-entropy',
 *   requiresGrad: 'head.*',
 * })
 * const optimizer = inducedMetric(adam(), { learningRate: 0.001 })
 * const session = await TrainingSession.create({ ...artifacts, optimizer })
 * console.log(session.trainingInputNames)
 * ```
 */
export async function generateArtifacts(
  given: Artifact | Model,
  options: GenerateOptions = {},
): Promise<TrainingArtifacts> {
  // Options that are not an object are refused by the check of all options.
  if (typeof options !== 'object' || options === null) return generateWithRuntime(given, options)
  const { optimizer, ort = await defaultOrt(), ...others } = options
  return generateWithRuntime(given, {
    ...others,
    ort,
    ...(optimizer !== undefined && { optimizer: modelChoice(optimizer) }),
  })
}

function modelChoice(optimizer: OptimizerChoice): OptimizerModelChoice {
  if (optimizer === 'adamw' || optimizer === 'sgd') return optimizer
  if (typeof optimizer !== 'object' || optimizer === null) {
    throw optionError(
      `optimizer must be a transformation, 'adamw', 'sgd', or what adamwOptimizer() gives, given ${show(optimizer)}`,
    )
  }
  if ('kernel' in optimizer) return optimizer
  return (parameters) => optimizerModel(optimizer, parameters).model
}
