import type { Checkpoint, StepReport, Transformation } from '@induced-metric/core'
import type { GroupOf } from '@induced-metric/core/adapter'
import type { Optimizer } from '@tensorflow/tfjs-core'
import type { NamedTensor, NamedTensorMap, Scalar, Variable } from './namespace.js'

/** Options of {@link inducedOptimizer}. */
export interface InducedOptimizerOptions {
  /**
   * Puts variables into parameter groups: the label of a variable's group, or `undefined` for none. A function cannot be
   * saved with a model: set `optimizer.groupOf` again after loading.
   */
  readonly groupOf?: GroupOf
  /**
   * Who decides whether a step may be written (everything finite, the loss in the embedding's domain): `'host'`, which
   * looks at one number per step, where tensors lie in its memory (cpu, wasm; the default there); or `'device'`, which
   * computes old and new and selects, and never reads (the default elsewhere, and the only way there). With compiled loops
   * it is the host.
   */
  readonly stepGuard?: 'host' | 'device'
  /**
   * What computes: `'wasm'`, the core's compiled loops, on the wasm backend's own memory or on copies of the cpu backend's
   * arrays; `'ops'`, operations of TensorFlow.js; or `'auto'` (default), loops where there can be, else operations.
   */
  readonly engine?: 'auto' | 'ops' | 'wasm'
}

/** A `tf.Optimizer` that takes induced-metric steps. */
export interface InducedOptimizer extends Optimizer {
  readonly transformation: Transformation
  /** See {@link InducedOptimizerOptions}. */
  groupOf: GroupOf | undefined
  /**
   * The learning rate of the next step, of a schedule its value there. A number ≥ 0 that is set, in a callback of `fit`
   * too, takes the place of the transformation's number or schedule from the next step on, in every group whose learning
   * rate is no other than the transformation's; a group with one of its own keeps that. It is saved with the state.
   *
   * @throws ERR_OPTION when anything else is set, and nothing has changed; ERR_DISPOSED
   */
  learningRate: number
  /**
   * Updates variables.
   *
   * @param variableGradients gradients by variable name, or an array of `{ name, tensor }`; a `null` gradient leaves its
   *   variable, slots and step count alone
   * @param loss L at the variables before the step, a scalar. Not for gradients as `computeGradients` of this optimiser
   *   gave them, with which their loss is kept; but for all others, sums, means and clipped ones among them.
   * @throws ERR_SHAPE, ERR_LOSS_REQUIRED, ERR_OPTION, ERR_DISPOSED; with the stepGuard on the host ERR_BAD_LOSS and
   *   ERR_NON_FINITE. After any of them the variables and slots are as before, bit for bit.
   */
  applyGradients(variableGradients: NamedTensorMap | NamedTensor[], loss?: Scalar | number): void
  /**
   * What the latest step did. Reads from the device, so call it when you want to look, not in every step.
   *
   * @throws ERR_BAD_LOSS, ERR_NON_FINITE where the device refused a step since the last report and the transformation
   *   says `'throw'`; no step that was refused has changed anything
   */
  report(): Promise<StepReport>
  /**
   * Runs a function while the variables have the averages of their values, where the transformation keeps any (`averageWeights`, as
   * `rateFree` without `steps` does), and puts their own values back when it has returned or its promise is settled.
   *
   * @param evaluate works with the averages, as `() => model.evaluate(x, y)`; it must not train
   * @returns what the function returned
   * @throws what the function throws; ERR_OPTION when it is called within itself; ERR_DISPOSED
   */
  withAveragedWeights<R>(evaluate: () => R): R
  /** The optimiser's state, which `load` takes here or in any other adapter. */
  save(): Promise<Checkpoint>
  /**
   * Goes on from a saved state: by variable name, else by position with a check of shapes.
   *
   * @param variables those to be trained, to be told of a checkpoint that does not fit now and not at the next step
   * @throws ERR_CHECKPOINT when it does not fit; nothing has changed then
   */
  load(checkpoint: Checkpoint | Uint8Array, variables?: readonly Variable[]): void
}
