/**
 * Building blocks for packages that run ONNX models: the rewriting beneath the lowering, files and errors.
 *
 * @packageDocumentation
 */
export { adaptsQuantized } from './artifacts/lora/merge.js'
export { checkLabels, labelModel, labelsOf } from './artifacts/labels.js'
export { lossNames } from './artifacts/losses.js'
export { explainStops } from './artifacts/reach.js'
export { type ForwardSurvey, type SurveyedOperator, surveyForward } from './artifacts/survey.js'
export { recoverCheckpointFile } from './checkpoint/files.js'
export {
  groupName,
  isOwnProperty,
  optimizerState,
  restoredState,
  restoreOptimizer,
} from './checkpoint/optimizerState.js'
export {
  bufferParts,
  concatenateParts,
  scatterParts,
  sizeOfParts,
  type BufferParts,
} from './checkpoint/parameterBuffer.js'
export { exportTrained, type ExportOptions } from './export/file.js'
export { allocated, coded, codedAs, reasonOf } from './errors.js'
export { importNode } from './node.js'
export { writeFileAtomically } from './files/atomic.js'
export { loadModel } from './files/loadModel.js'
export { isRemote, readArtifact } from './files/readArtifact.js'
export { withGenuineLosses } from './lowering/table.js'
export { inferTypes } from './inference/runtimeTypes.js'
export { own } from './own.js'
export { dataTypeOf } from './proto/dataType.js'
export { allNodes, dropUnused, freshNames, namesIn } from './proto/graph.js'
export { type Random, createRandom, epochOrder, normal, uniform } from './random.js'
export { singleValueError } from './rewrite/batchStatistics.js'
export { withFields } from './rewrite/declare.js'
export { matrixRows } from './rewrite/matrixRows.js'
export { describeNode } from './rewrite/nodeContext.js'
export { applyTypeRules } from './rewrite/typeRules.js'
export { type ValueTypes, typeOf, valueTypes } from './rewrite/valueTypes.js'
export { createOrtSession } from './runtime/ort.js'
export { axisNames, fixExtents, type FixedExtents } from './webgpu/extents.js'
export type { DropoutMask } from './webgpu/dropout.js'
export {
  lowerForWebGpu,
  lowerTrainingForWebGpu,
  type WebGpuLowering,
  type WebGpuModel,
  type WebGpuTrainingModel,
} from './webgpu/lower.js'
