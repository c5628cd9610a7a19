import type { StepReport } from '@induced-metric/core'
import type { OrtTensor, OrtValues } from '@induced-metric/onnx'
import type { Fetches } from '../session/fetches.js'
import type { WorkerSession } from '../worker/index.js'
import type { Capture, GpuStepOptions } from './options.js'
import type { GpuValue } from './values.js'

/**
 * A training session whose parameters, gradients and slots stay on the GPU. Its methods are those of a {@link WorkerSession}, so
 * that a program can take either; what they give comes from the device when it is asked for.
 */
export interface GpuSession extends Pick<
  WorkerSession,
  | 'trainingInputNames'
  | 'trainingOutputNames'
  | 'evalInputNames'
  | 'evalOutputNames'
  | 'report'
  | 'runEvalStep'
  | 'lazyResetGrad'
  | 'getParametersSize'
  | 'getContiguousParameters'
  | 'loadParametersBuffer'
  | 'getLearningRate'
  | 'setLearningRate'
  | 'withEvaluationWeights'
  | 'saveOptimizer'
  | 'loadOptimizer'
  | 'resetOptimizer'
  | 'saveCheckpoint'
  | 'checkpointState'
  | 'exportModelForInference'
  | 'getParameters'
  | 'getGradients'
  | 'getProperties'
  | 'setProperty'
> {
  /**
   * Submits a train step: the loss, the other outputs, and the gradients, which are added to those since the latest reset. It
   * also moves the running statistics of batch normalisations.
   *
   * @param feeds tensors for `trainingInputNames`, on the host or, as the runtime's `Tensor.fromGpuBuffer` makes them, on the
   *   device of this session. Labels on the device are not checked
   * @param fetches the outputs to read. Without it none is read
   * @returns the outputs by name. Without `fetches` they are on the device, until the next train step of the same extents
   * @throws as `TrainingSession`'s, and ERR_SHAPE for feeds of extents that the session was not made for
   */
  runTrainStep(feeds: OrtValues, fetches: Fetches): Promise<Record<string, OrtTensor>>
  runTrainStep(feeds: OrtValues): Promise<Record<string, GpuValue>>
  /**
   * Submits a step of the optimiser with the gradients since the latest reset. A step with gradients that are not finite, or a loss
   * that the embedding cannot take, leaves everything as it was, on the device, whatever follows.
   *
   * @param options as `TrainingSession`'s; `report`: whether to wait for the step and read its report
   * @returns the report if it was asked for
   * @throws ERR_OPTION if there is no optimiser or no gradient; with `report` what `sync` throws
   */
  runOptimizerStep(options: GpuStepOptions & { readonly report: true }): Promise<StepReport>
  runOptimizerStep(options?: GpuStepOptions): Promise<StepReport | undefined>
  /**
   * Waits for the steps so far and reads the report of the latest: some hundred bytes.
   *
   * @throws ERR_NON_FINITE with `onNonFinite: 'throw'` and ERR_BAD_LOSS, if a step since the last report was refused for its
   *   numbers; ERR_DISPOSED if the device was lost
   */
  sync(): Promise<StepReport>
  /** Whether train steps are recorded and replayed. */
  readonly capture: Capture
  /**
   * Whether the kernels of this device hand NaN on. Where they do not, a step may be taken from a batch that holds one, as if it were
   * some number.
   */
  readonly keepsNaN: boolean
  /** Frees the session's buffers and its sessions of the runtime. Every later call throws ERR_DISPOSED. */
  release(): Promise<void>
}
