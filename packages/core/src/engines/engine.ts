import type { StepPlan } from '../step/plan.js'
import type { Helper } from './wasm/threads/host.js'
import type { WasmMemory } from './wasm/memory.js'
import type { Slots, TypedArray } from '../dtype.js'
import type { InitialSlots } from '../step/initialSlots.js'
import type { Passes } from '../step/passes.js'

/** The arrays an engine works on, by parameter. */
export interface EngineArrays {
  /** The parameters: the caller's own arrays, or views of the engine's memory. */
  readonly parameters: readonly TypedArray[]
  /** To write gradients into; a step that is given them copies nothing. */
  readonly gradients: readonly TypedArray[]
  readonly slots: readonly Slots[]
}

/** What runs a plan on arrays. */
export interface Engine extends Passes<TypedArray> {
  readonly kind: 'reference' | 'wasm'
  /**
   * The arrays of the tensors as they are now: others after memory has grown. No accessors, as V8 keeps a literal that
   * has some as a table, and looks everything in it up by name.
   *
   * @param lent those the caller gets, who may keep them: what they lie in is then given to no other caller
   */
  arrays(lent?: keyof EngineArrays): EngineArrays
  /**
   * Takes on parameters that the plan has at its end now.
   *
   * @param plan records all parameters, those there were in their places
   * @param added the arrays of the new ones
   * @param initial the first values of their slots
   * @returns the engine to go on with, where it is another: this one is disposed of then
   * @throws ERR_NOT_SUPPORTED where there is no memory for them; then the engine is as it was
   */
  add(plan: StepPlan, added: readonly TypedArray[], initial: readonly InitialSlots[]): Engine | undefined
  /**
   * Gives memory back. Parameters that the engine has taken over stay where they are.
   *
   * @returns the parameters, as `arrays` told them before
   */
  dispose(): () => EngineArrays['parameters']
}

/** Where an engine keeps parameters. */
export interface EngineOptions {
  /** The WebAssembly memory to work in, for an engine that does. */
  readonly memory?: WasmMemory
  /** A thread that shares the memory and takes a part of the work, for an engine that can share it. */
  readonly helper?: Helper
  /** Whether the engine may take the values over into memory of its own, leaving the given arrays alone thereafter. */
  readonly adopt?: boolean
}

/** Makes an engine for a plan. */
export type EngineFactory = (
  plan: StepPlan,
  parameters: readonly TypedArray[],
  initial: readonly InitialSlots[],
  options: EngineOptions,
) => Engine
