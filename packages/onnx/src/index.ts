/**
 * ONNX models in JavaScript, lowered to the operators of a stock runtime, and the checkpoints of ONNX Runtime
 * training.
 *
 * @packageDocumentation
 */
export {
  readCheckpoint,
  readCheckpointFile,
  writeCheckpoint,
  writeCheckpointFile,
  type ReadCheckpointOptions,
} from './checkpoint/index.js'
export type { CheckpointState, OptimizerGroup, ParameterMomentums, Property } from './checkpoint/state.js'
export { decomposeModel } from './decomposition/decompose.js'
export { decompositions } from './decomposition/table.js'
export type { Artifact } from './files/readArtifact.js'
export {
  lowerings,
  lowerModel,
  lowerTrainingModel,
  unsupportedNodes,
  type BufferUpdate,
  type Extent,
  type GradientOutput,
  type LoweredTrainingModel,
  type LoweringRule,
  type LoweringContext,
  type LoweringTable,
  type UnsupportedNode,
  type ValueType,
} from './lowering/index.js'
export type { Attributes } from './proto/node.js'
export type { NamedTensor, TensorData } from './proto/tensorData.js'
export type { Ort, OrtSession, OrtTensor, OrtValues } from './runtime/ort.js'
