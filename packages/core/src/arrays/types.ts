import type { Checkpoint } from '../checkpoint/checkpoint.js'
import type { Slots, TypedArray } from '../dtype.js'
import type { OptimizerWorker, WasmMemory } from '../engines/engine.js'
import type { StepReport } from '../step/report.js'
import type { ParameterInfo } from '../transformation/types.js'

/** A parameter to optimise: its name, shape and values. */
export interface Parameter extends ParameterInfo {
  /** Row-major values, one per scalar of `shape`; updated in place by every step. */
  readonly data: TypedArray
}

/** A parameter, or its gradient, as the optimiser holds it. */
export interface OptimizerParameter extends ParameterInfo {
  /**
   * The live values: the caller's own array, or a view of the engine's memory. Read it again after `add()`, or after
   * anything else has grown a `memory` that was given: growing the memory invalidates old views.
   */
  readonly data: TypedArray
}

/** An induced-metric optimiser over typed arrays. */
export interface Optimizer {
  /**
   * Takes one step: updates the parameters in place.
   *
   * @param gradients ∂L/∂θ, one array per parameter, of its length and element type; `null` leaves that parameter
   *   alone: its values, its slots and its step count
   * @param options `loss`: L at the parameters before the step; required by `log` and `logDamped`
   * @returns the report of the step
   * @throws ERR_SHAPE for a gradient of another length or type; ERR_LOSS_REQUIRED; ERR_BAD_LOSS; ERR_NON_FINITE with
   *   `onNonFinite: 'throw'`; ERR_OPTION when a schedule leaves its range; ERR_DISPOSED. After any of them the
   *   parameters and slots are as before, bit for bit. Where the transformation accumulates, a call that is refused for its
   *   gradients or its loss does not count; one whose update is refused drops the gradients of that update.
   */
  step(gradients: readonly (TypedArray | null)[], options?: { readonly loss?: number }): StepReport
  /** The report of the latest step; before the first, one with `step: 0`. */
  readonly report: StepReport
  /**
   * The learning rate of the next step; for a schedule, its value there. Setting it to a number ≥ 0 replaces the
   * transformation's number or schedule from the next step on, in every group with the transformation's learning rate. A
   * group with a learning rate of its own keeps that. The number is part of the state, so checkpoints hold it.
   *
   * @throws ERR_OPTION when anything else is set; nothing has changed then
   *
   * @example
   * ```ts
   * import { adam, createOptimizer, inducedMetric } from '@induced-metric/core'
   *
   * const weights = { name: 'w', shape: [1], data: new Float32Array([1]) }
   * const optimizer = createOptimizer(inducedMetric(adam(), { learningRate: 0.1 }), [weights])
   * optimizer.step([new Float32Array([0.5])])
   * optimizer.learningRate /= 10
   * ```
   */
  learningRate: number
  /** The number that {@link learningRate} was set to, here or in a loaded checkpoint; `undefined` if it was not set. */
  readonly fixedLearningRate: number | undefined
  /** The engine in use. With `engine: 'auto'` it is the reference where WebAssembly does not compile or has no memory left. */
  readonly engine: 'reference' | 'wasm'
  /** The parameters, with the arrays that are updated. */
  readonly parameters: readonly OptimizerParameter[]
  /**
   * An array per parameter, of its length and element type, in the engine's own memory. A gradient written into it and
   * then given to `step` is not copied. Only the caller writes into it.
   */
  readonly gradients: readonly OptimizerParameter[]
  /** The arrays kept per parameter from step to step, by name. */
  readonly slots: readonly Slots[]
  /**
   * Runs a function while the parameters hold their averages, if the transformation keeps any (`averageWeights`). Their own
   * values are put back when it has returned or its promise has settled. A parameter that has taken no step is its own
   * average.
   *
   * @param evaluate works with the averages; it must not take steps
   * @returns the function's result
   * @throws the function's errors; ERR_OPTION when it is called within itself; ERR_DISPOSED
   *
   * @example
   * ```ts
   * import { adam, createOptimizer, inducedMetric } from '@induced-metric/core'
   *
   * const data = new Float32Array([1])
   * const transformation = inducedMetric(adam(), { learningRate: 0.1, averageWeights: 8 })
   * const optimizer = createOptimizer(transformation, [{ name: 'w', shape: [1], data }])
   * for (let i = 0; i < 10; i++) optimizer.step([Float32Array.of(2 * data[0]!)])
   * const loss = optimizer.withEvaluationWeights(() => data[0]! ** 2)
   * console.log(loss)
   * ```
   */
  withEvaluationWeights<R>(evaluate: () => R): R
  /**
   * Adds parameters after the existing ones. The memory grows, so read `parameters`, `gradients` and `slots` again. Step
   * counts of the existing parameters are kept; `xi: 'auto'` and the metric cover all parameters from the next step on.
   *
   * @param parameters as for `createOptimizer`
   * @throws the errors of `createOptimizer`; nothing has been added then
   *
   * @example
   * ```ts
   * import { adam, createOptimizer, inducedMetric } from '@induced-metric/core'
   *
   * const layer = (name: string) => ({ name, shape: [8], data: new Float32Array(8).fill(1) })
   * const optimizer = createOptimizer(inducedMetric(adam(), { learningRate: 0.1 }), [layer('first')])
   * optimizer.step([new Float32Array(8).fill(1)])
   * optimizer.add([layer('second')])
   * optimizer.step([null, new Float32Array(8).fill(1)])
   * ```
   */
  add(parameters: readonly Parameter[]): void
  /** A copy of the optimiser's state, for `load` here or in another adapter. */
  save(): Checkpoint
  /**
   * Continues from a saved state. It does not contain the parameters themselves.
   *
   * @throws ERR_CHECKPOINT when it belongs to another transformation or to other parameters; nothing has changed then
   */
  load(checkpoint: Checkpoint | Uint8Array): void
  /**
   * Returns to the state before the first step: slots, averages, step counts, the report, and the transformation's learning
   * rate in place of one that was set. The parameters keep their values. It is faster than creating another optimizer, and
   * from then on the optimizer takes the same steps as a new one, bit for bit.
   *
   * @throws ERR_OPTION within `withEvaluationWeights`; ERR_DISPOSED
   *
   * @example
   * ```ts
   * import { adam, createOptimizer, inducedMetric } from '@induced-metric/core'
   *
   * const weights = { name: 'w', shape: [1], data: new Float32Array([1]) }
   * const optimizer = createOptimizer(inducedMetric(adam(), { learningRate: 0.1 }), [weights])
   * for (const start of [1, 10, 100]) {
   *   weights.data[0] = start
   *   optimizer.reset()
   *   for (let i = 0; i < 50; i++) optimizer.step([weights.data.map((w) => 2 * w)])
   * }
   * ```
   */
  reset(): void
  /**
   * Releases all arrays; every later call throws ERR_DISPOSED. In a `memory` that was given, the next optimiser reuses the
   * space of gradients and slots; adopted parameters stay where they are.
   */
  dispose(): void
}

/** The options of {@link createOptimizer}. */
export interface OptimizerOptions {
  /**
   * The engine: `'wasm'`, loops that are compiled for this transformation to WebAssembly with vector instructions; the
   * `'reference'` interpreter; or `'auto'` (default) for the fastest available, which `optimizer.engine` names. `'auto'`
   * chooses the reference where WebAssembly does not compile, and where there is no memory for it.
   */
  readonly engine?: 'auto' | 'wasm' | 'reference'
  /**
   * The `WebAssembly.Memory` for the wasm engine to work in, instead of creating its own. It grows by the size of slots,
   * gradients and copies of parameters, and nothing in it is moved. A parameter or gradient whose array is a view of this
   * memory is used in place.
   */
  readonly memory?: WasmMemory
  /**
   * Whether the wasm engine adopts the parameters: their values are copied into its memory once, and
   * `optimizer.parameters[i].data` are the parameters from then on. Otherwise (default) the caller's arrays remain the
   * parameters, and the wasm engine copies them in and out at every step.
   */
  readonly adopt?: boolean
  /**
   * Returns parameters of the model that are not optimised, such as frozen ones: options may name them and their groups. It
   * is called when an option names something that is not among the parameters.
   */
  readonly others?: () => readonly ParameterInfo[]
  /**
   * A `Worker`, of a browser or of `node:worker_threads`, in which `serveOptimizers` was called: a second thread for
   * the wasm engine. It takes a part of steps on a million parameters and more, and sleeps otherwise. Steps are faster if a
   * core is idle, and slower if none is. The worker shares the engine's memory, whose views are then views of a
   * `SharedArrayBuffer`. A page has that only if it is isolated from other origins. A given `memory` must be shared, too.
   * Steps never wait for a worker that is starting or busy. Dispose of optimisers before you terminate their worker: a step
   * during which it is terminated waits ten seconds for it, then throws ERR_DISPOSED. `muon` does not use it.
   */
  readonly worker?: OptimizerWorker
}
