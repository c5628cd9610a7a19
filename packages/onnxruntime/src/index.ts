export type { CheckpointState, NamedTensor, OptimizerGroup, ParameterMomentums, Property, TensorData } from './types.js'
