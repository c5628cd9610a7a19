import type { Checkpoint } from '../checkpoint/checkpoint.js'
import type { GpuBuffer } from '../engines/webgpu/device.js'
import type { StepReport } from '../step/report.js'
import type { ParameterInfo } from '../transformation/types.js'

/** A parameter whose values are in a buffer of a WebGPU device. */
export interface GpuParameter extends ParameterInfo {
  /**
   * The row-major values in single precision, from the buffer's start; updated in place by every step. Its usage includes
   * `STORAGE`. It belongs to the caller, and is never freed.
   */
  readonly buffer: GpuBuffer
  /**
   * A buffer for a copy of the values in half precision, for kernels that compute in it: every step writes it after the values,
   * which stay in single precision. Its usage includes `STORAGE`, and its size is that of the shape in `f16`, up to 4 bytes. It
   * belongs to the caller, too. The device needs `shader-f16` only where such kernels read it.
   */
  readonly half?: GpuBuffer
}

/** An induced-metric optimiser over the buffers of a WebGPU device. */
export interface GpuOptimizer {
  /**
   * Submits one step to the device's queue: one pass, after which the parameters have their new values. Nothing is read back,
   * so what the device finds wrong with the numbers is known to {@link report}. A step with gradients that are not finite, or
   * with a loss that the embedding cannot take, leaves everything as it was, whatever follows.
   *
   * @param gradients ∂L/∂θ, a buffer per parameter, with `STORAGE` in its usage and its values as the parameter's; `null` leaves
   *   that parameter alone. They may be others at every step
   * @param options `loss`: L at the parameters before the step, as a number or as the first four bytes of a buffer with `COPY_SRC`
   *   in its usage; required by `log` and `logDamped`
   * @throws ERR_SHAPE for a buffer that is too small; ERR_OPTION for one of another usage, and when a schedule leaves its range;
   *   ERR_LOSS_REQUIRED; ERR_DISPOSED. After any of them nothing was submitted
   */
  step(gradients: readonly (GpuBuffer | null)[], options?: { readonly loss?: number | GpuBuffer }): void
  /**
   * Reads the report of the latest step: some hundred bytes, once everything before is done.
   *
   * @throws ERR_NON_FINITE with `onNonFinite: 'throw'` and ERR_BAD_LOSS, if a step since the last report was refused for its
   *   numbers; ERR_DISPOSED, also if the device is lost
   */
  report(): Promise<StepReport>
  /**
   * The learning rate of the next step; for a schedule, its value there if the device has taken all steps so far. Setting it to
   * a number ≥ 0 replaces the transformation's number or schedule from the next step on, in every group with the
   * transformation's learning rate. Checkpoints hold it.
   *
   * @throws ERR_OPTION when anything else is set; nothing has changed then
   */
  learningRate: number
  /**
   * Runs a function while the parameters hold their averages, if the transformation keeps any (`averageWeights`), or the base
   * has weights to evaluate with. Their own values are put back when the function's promise has settled; until then, `step`
   * throws. The averages are computed on the host, so parameters and slots are read once. Their buffers must have `COPY_SRC` and
   * `COPY_DST` in their usage.
   *
   * @returns the function's result
   * @throws the function's errors; ERR_OPTION for a buffer of another usage, and when it is called within itself; ERR_DISPOSED
   */
  withEvaluationWeights<R>(evaluate: () => R | Promise<R>): Promise<R>
  /**
   * Reads the optimiser's state, for `load` here or in another adapter, as it is after the steps so far.
   *
   * @throws ERR_DISPOSED, also if the device is lost
   */
  save(): Promise<Checkpoint>
  /**
   * Continues from a saved state. It does not contain the parameters themselves.
   *
   * @throws ERR_CHECKPOINT when it belongs to another transformation or to other parameters; nothing has changed then
   */
  load(checkpoint: Checkpoint | Uint8Array): void
  /**
   * Returns to the state before the first step: slots, averages, step counts, and the transformation's learning rate in place of
   * one that was set. The parameters keep their values.
   */
  reset(): void
  /** Frees the optimiser's own buffers. Every later call throws ERR_DISPOSED. Parameters and gradients stay. */
  dispose(): void
}
