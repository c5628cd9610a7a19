export {
  readCheckpoint,
  readCheckpointFile,
  writeCheckpoint,
  writeCheckpointFile,
  type ReadCheckpointOptions,
} from './checkpoint/index.js'
export type {
  CheckpointState,
  NamedTensor,
  OptimizerGroup,
  ParameterMomentums,
  Property,
  TensorData,
} from './types.js'
