import type { Scalars, StepPlan } from '../step/plan.js'
import type { Helper } from './wasm/threads/host.js'
import type { WasmMemory } from './wasm/memory.js'

/** The element types an optimiser works in. */
export type TypedArray = Float32Array | Float64Array

/** The element type of a typed array the optimiser can hold; by its tag, as test runners load modules in realms of their own. */
export function elementType(value: unknown): 'float32' | 'float64' | undefined {
  const tag = Object.prototype.toString.call(value)
  return tag === '[object Float32Array]' ? 'float32' : tag === '[object Float64Array]' ? 'float64' : undefined
}

/** An array of either kind, by name. */
export type Slots = Readonly<Record<string, TypedArray>>

/**
 * The passes of a step over the tensors of a plan. A step is a read-only pass (`reduce`, after `norm` where gradients are clipped), a few
 * scalars on the host, and a pass that writes (`update`): until the latter nothing has changed, so a step that turns
 * out not to be finite costs nothing. Each pass goes over all parameters that have a gradient.
 */
export interface Passes<G> {
  /**
   * Takes in what a step is given.
   *
   * @param active the parameters that have a gradient
   * @param gradients by parameter
   * @param scalars by parameter; those whose scalars are all the same share one object. `clip` and `scale` are put into
   *   them before the passes that read those.
   */
  begin(active: readonly number[], gradients: readonly (G | null)[], scalars: readonly Scalars[]): void
  /**
   * Σ g² of every gradient that is clipped, into `results` by parameter. Parameters that share their scalars are of one
   * metric unit and one clip unit: the part of one may be in the result of another of them.
   */
  norm(results: Float64Array): void
  /**
   * The plan's `reductions`, an array for each, likewise; one that is NaN or infinite forbids the step. What a parameter's
   * own graph does not tell is left as it is.
   */
  reduce(results: readonly Float64Array[]): void
  /**
   * Writes parameters and slots.
   *
   * @param results the plan's `changes`, an array for each, as those of `reduce`
   */
  update(results: readonly Float64Array[]): void
  /** Takes steps in one call, where that is worth it; the passes can do without. */
  readonly whole?: WholeStep<G> | undefined
}

/** Steps in one call: the passes, and the scalar work before and between them. */
export interface WholeStep<G> {
  /**
   * Takes a step in which every parameter has a gradient and has been updated equally often.
   *
   * @param given the step's numbers; the results are written into it
   * @param isSame whether `profile` and `unit` are as in the call before
   * @returns whether the step was taken. If not, nothing has changed, and the passes tell why or take it themselves
   */
  take(gradients: readonly (G | null)[], given: WholeNumbers, isSame: boolean): boolean
}

/** The numbers of a step in one call. */
export interface WholeNumbers {
  /** Scalars by name, of the parameters' graph and of the metric's. */
  readonly profile: Scalars
  readonly unit: Scalars
  /** t of the parameters and of the metric, this step included. */
  step: number
  metricStep: number
  /** NaN where there is none. */
  loss: number
  /** v, before the step and after it. */
  average: number
  /** The unit's other state, in the order of its graph's, before the step and after it. */
  readonly values: number[]
  /** Results: v̂, ρ and s. */
  metric: number
  scale: number
  dualNorm: number
}

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

/** The first value of each slot of a parameter. */
export type InitialSlots = Readonly<Record<string, number>>

/** Makes an engine for a plan. */
export type EngineFactory = (
  plan: StepPlan,
  parameters: readonly TypedArray[],
  initial: readonly InitialSlots[],
  options: EngineOptions,
) => Engine
