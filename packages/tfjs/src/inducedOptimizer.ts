import type { Checkpoint, StepReport, Transformation } from '@induced-metric/core'
import type { GroupOf, StepEngineName } from '@induced-metric/core/adapter'
import type { Optimizer } from '@tensorflow/tfjs-core'
import type { NamedTensor, NamedTensorMap, Scalar, Variable } from './namespace.js'

/** Options of {@link inducedOptimizer}. */
export interface InducedOptimizerOptions {
  /**
   * Puts variables into parameter groups: it returns the label of a variable's group, or `undefined` for none. A function
   * cannot be saved with a model: set `optimizer.groupOf` again after loading.
   */
  readonly groupOf?: GroupOf
  /**
   * Who decides whether a step may be written (everything is finite, and the loss is in the embedding's domain). `'host'`
   * reads one number per step; it is the default where tensors are in the host's memory (cpu, wasm). `'device'` selects
   * between old and new values and never makes the host wait; it is the default elsewhere, and the only choice there. With
   * compiled loops the host decides.
   */
  readonly stepGuard?: 'host' | 'device'
  /**
   * How steps are computed: `'wasm'`, by the core's compiled loops, in the wasm backend's own memory or on copies of the
   * cpu backend's arrays; `'webgpu'`, by the core's kernels on the webgpu backend's own buffers, a few launches for all variables;
   * `'webgl'`, by programs of the core, one for each tensor that a step writes;
   * `'ops'`, by operations of TensorFlow.js; `'auto'` (default), by kernels or loops where possible, else by operations. An
   * engine that is not possible is ERR_NOT_SUPPORTED at the first step.
   */
  readonly engine?: StepEngineName
}

/** A `tf.Optimizer` that takes induced-metric steps. */
export interface InducedOptimizer extends Optimizer {
  readonly transformation: Transformation
  /** See {@link InducedOptimizerOptions}. */
  groupOf: GroupOf | undefined
  /**
   * The learning rate of the next step; with a schedule, its value there. Set a number ≥ 0, in a callback of `fit` too, to
   * replace the transformation's number or schedule from the next step on. A group with a learning rate of its own keeps
   * that. The number is saved with the state.
   *
   * @throws ERR_OPTION when anything else is set; then nothing has changed. ERR_DISPOSED
   */
  learningRate: number
  /**
   * Updates variables.
   *
   * @param variableGradients gradients by variable name, or an array of `{ name, tensor }`; a `null` gradient leaves its
   *   variable, slots and step count alone
   * @param loss L at the variables before the step, a scalar. Leave it out for the gradients that `computeGradients` of
   *   this optimiser returned, whose loss is known. Pass it with all others, such as sums, means and clipped gradients.
   * @throws ERR_SHAPE, ERR_LOSS_REQUIRED, ERR_OPTION, ERR_DISPOSED; where the host decides, ERR_BAD_LOSS and
   *   ERR_NON_FINITE. After any of them the variables and slots are as before, bit for bit.
   */
  applyGradients(variableGradients: NamedTensorMap | NamedTensor[], loss?: Scalar | number): void
  /**
   * Reports on the latest step. It reads from the device, so call it when you want to look, not in every step.
   *
   * @throws ERR_BAD_LOSS, ERR_NON_FINITE where the device refused a step since the last report and the transformation
   *   says `'throw'`. Refused steps have changed nothing.
   */
  report(): Promise<StepReport>
  /**
   * Runs a function while the variables hold the averages of their values, where the transformation keeps averages
   * (`averageWeights`, as `rateFree` without `steps` does). Restores their own values when the function has returned or its
   * promise is settled.
   *
   * @param evaluate works with the averages, as `() => model.evaluate(x, y)`; it must not train
   * @returns the result of the function
   * @throws the errors of the function; ERR_OPTION when it is called within itself; ERR_DISPOSED
   */
  withEvaluationWeights<R>(evaluate: () => R): R
  /**
   * Returns the optimiser's state, which `load` accepts here and in every other adapter. Training may go on while it is read: it is
   * the state after one step.
   */
  save(): Promise<Checkpoint>
  /**
   * Restores a saved state. States are matched to variables by name, else by position and shape.
   *
   * @param variables those that will be trained, so that a checkpoint that does not fit throws now and not at the next step
   * @throws ERR_CHECKPOINT when it does not fit; then nothing has changed
   */
  load(checkpoint: Checkpoint | Uint8Array, variables?: readonly Variable[]): void
  /**
   * Returns to the state before the first step: slots, averages, `iterations`, the report, and the transformation's learning
   * rate in place of one that was set. The variables keep their values. From then on it takes the steps of a new optimiser,
   * and a compiled model stays compiled with it.
   *
   * @throws ERR_OPTION within `withEvaluationWeights`; ERR_DISPOSED
   */
  reset(): void
}
