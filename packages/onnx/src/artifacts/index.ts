/**
 * Training artifacts from forward ONNX models: the gradient graph, the loss, the optimizer model and the checkpoint.
 *
 * @packageDocumentation
 */
export { addGradients, type Backward, type BackwardRequest } from '../gradients/backward.js'
export { writeArtifacts } from './files.js'
export { generateArtifacts, type TrainingArtifacts } from './generate.js'
export type { GenerateOptions } from './generateOptions.js'
export { noGradient, type GradientContext, type GradientRule } from '../gradients/context.js'
export { gradients, type GradientTable } from '../gradients/table.js'
export type { BoundInputs, BoundValue } from './bind.js'
export { composeModels, type ComposeOptions, type Connections } from './forward/compose.js'
export { withParameters } from './forward/withParameters.js'
export type { ParameterValue, ParameterValues } from './forward/values.js'
export type { InputShapes } from './declarations.js'
export { readAdapter, withAdapterInputs, writeAdapter, type AdapterFile } from './lora/adapterFile.js'
export type { Projection } from './lora/adapter.js'
export { addLora, type LoraModel, type LoraOptions, type LoraTarget } from './lora/add.js'
export {
  bceWithLogitsLoss,
  crossEntropyLoss,
  l1Loss,
  mseLoss,
  type BceOptions,
  type CrossEntropyOptions,
  type Loss,
  type LossBuilder,
  type LossContext,
  type LossName,
  type Reduction,
  type TargetOptions,
} from './losses.js'
export { mergeLora, type MergedValues, type MergeOptions } from './lora/merge.js'
export {
  adamwOptimizer,
  sgdOptimizer,
  type AdamWOptions,
  type GenuineOptimizer,
  type OptimizerChoice,
  type OptimizerParameter,
  type OptimizerWriter,
} from './optimizers.js'
export type { ParameterTraits } from './parameters.js'
export type { ExternalData } from '../externalData/resolve.js'
export { selectNames, type NamePattern, type Selector } from './select.js'
export type { GradientStop, UnreachedParameter } from './reach.js'
export type { ArtifactsSummary, LeftOutConstant, StepMemory, SummarizedParameter } from './summary.js'
