/**
 * Training from the artifacts of ONNX Runtime training on the stock runtime, with induced-metric optimisers.
 *
 * @packageDocumentation
 */
export * from '@induced-metric/onnx'
export {
  optimizerModel,
  type ModelState,
  type OptimizerModel,
  type OptimizerModelParameter,
} from './optimizerModel/index.js'
export { createGpuSession } from './gpu/session.js'
export type { Capture, GpuSessionOptions, GpuStepOptions, WebGpuOrt } from './gpu/options.js'
export type { GpuSession } from './gpu/types.js'
export type { GpuValue } from './gpu/values.js'
export { createOrtTensor, defaultOrt } from './ort/ort.js'
export type { Fetches } from './session/fetches.js'
export { findLearningRate, type RateSession } from './session/findLearningRate.js'
export { createModelSession } from './session/modelSession.js'
export type { SessionParameter, SessionTensor } from './session/contents.js'
export { TrainingSession } from './session/trainingSession.js'
export type { TrainingSessionOptions } from './session/options.js'
export type { ParameterDescription } from './session/parameters.js'
export { createWorkerSession, type WorkerSession, type WorkerSessionOptions } from './worker/index.js'
