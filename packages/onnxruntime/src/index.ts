/**
 * Training from the artifacts of ONNX Runtime training on the stock runtime, with induced-metric optimisers.
 *
 * @packageDocumentation
 */
export type { Artifact } from './ort/readArtifact.js'
export {
  readCheckpoint,
  readCheckpointFile,
  writeCheckpoint,
  writeCheckpointFile,
  type ReadCheckpointOptions,
} from './checkpoint/index.js'
export {
  lowerings,
  lowerModel,
  lowerTrainingModel,
  unsupportedNodes,
  type BufferUpdate,
  type Extent,
  type GradientOutput,
  type LoweredTrainingModel,
  type Lowering,
  type LoweringContext,
  type LoweringTable,
  type UnsupportedNode,
  type ValueType,
} from './lowering/index.js'
export type { Ort, OrtSession, OrtTensor, OrtValues } from './ort/ort.js'
export type { Attributes } from './proto/node.js'
export {
  optimizerModel,
  type ModelState,
  type OptimizerModel,
  type OptimizerModelParameter,
} from './optimizerModel/index.js'
export type { Fetches } from './session/fetches.js'
export { TrainingSession, type SessionParameter, type SessionTensor } from './session/trainingSession.js'
export type { TrainingSessionOptions } from './session/options.js'
export type { ParameterDescription } from './session/parameters.js'
export type {
  CheckpointState,
  NamedTensor,
  OptimizerGroup,
  ParameterMomentums,
  Property,
  TensorData,
} from './checkpoint/state.js'
export { createWorkerSession, type WorkerSession, type WorkerSessionOptions } from './worker/index.js'
