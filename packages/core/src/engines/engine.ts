import type { Slots, TypedArray } from '../dtype.js'
import type { InitialSlots } from '../step/initialSlots.js'
import type { Passes } from '../step/passes.js'
import type { StepPlan } from '../step/plan.js'

/** A `WebAssembly.Memory`, declared by shape: the core's declarations depend on no platform's library. */
export interface WasmMemory {
  readonly buffer: ArrayBufferLike
  /** Adds pages of 64 KiB. */
  grow(pages: number): number
}

/** Another thread: a `Worker`, of a browser or of `node:worker_threads`, in which `serveOptimizers` was called. */
export interface OptimizerWorker {
  postMessage(message: unknown): void
}

/** The arrays an engine works on, by parameter. */
export interface EngineArrays {
  /** The parameters: the caller's own arrays, or views of the engine's memory. */
  readonly parameters: readonly TypedArray[]
  /** Arrays to write gradients into. A step copies nothing if it is given them. */
  readonly gradients: readonly TypedArray[]
  readonly slots: readonly Slots[]
}

/** Runs the steps of a plan on arrays. */
export interface Engine extends Passes<TypedArray> {
  readonly kind: 'reference' | 'wasm'
  /**
   * The current arrays of the tensors. They are replaced when memory grows. This is no accessor, because V8 keeps a
   * literal that has some as a table, and looks all its properties up by name.
   *
   * @param exposed the arrays that the caller gets, and may keep: their memory is then given to no other caller
   */
  arrays(exposed?: keyof EngineArrays): EngineArrays
  /**
   * Adds parameters, which are the last ones of the new plan.
   *
   * @param plan records all parameters, those already present at the same indices
   * @param added the arrays of the new ones
   * @param initial the initial values of their slots
   * @returns the engine to use from then on if it is another one: this one is then disposed of
   * @throws ERR_NOT_SUPPORTED where there is no memory for them; then the engine is unchanged
   */
  add(plan: StepPlan, added: readonly TypedArray[], initial: readonly InitialSlots[]): Engine | undefined
  /**
   * Releases memory. Parameters that the engine has adopted stay where they are.
   *
   * @returns a function that returns the parameters, as `arrays` did
   */
  dispose(): () => EngineArrays['parameters']
}

/** The memory and threads of an engine. */
export interface EngineOptions {
  /** The WebAssembly memory to work in, for an engine that uses one. */
  readonly memory?: WasmMemory
  /** A thread that shares the memory and takes a part of the work, for an engine that can share it. */
  readonly worker?: OptimizerWorker
  /** Whether the engine may copy the values to its own memory once, and never use the given arrays again. */
  readonly adopt?: boolean
}

/** Creates an engine for a plan. */
export type EngineFactory = (
  plan: StepPlan,
  parameters: readonly TypedArray[],
  initial: readonly InitialSlots[],
  options: EngineOptions,
) => Engine
