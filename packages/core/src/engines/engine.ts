import type { Scalars, StepPlan } from '../plan.js'

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
 * What runs a plan on arrays. A step is a read-only pass (`reduce`, after `norm` where the gradient is clipped), a few
 * scalars on the host, and a pass that writes (`update`): until the latter nothing has changed, so a step that turns
 * out not to be finite costs nothing.
 */
export interface Engine {
  readonly kind: 'reference' | 'wasm'
  /** The arrays that hold the parameters while the engine lives; the caller's own where it can work in place. */
  readonly parameters: readonly TypedArray[]
  /** The slots of each parameter. */
  readonly slots: readonly Slots[]
  /** Σ g² of a gradient. */
  norm(parameter: number, gradient: TypedArray, scalars: Scalars): number
  /** The parameter's part of the dual norm; NaN or infinite when the step must not be written. */
  reduce(parameter: number, gradient: TypedArray, scalars: Scalars): number
  /** Writes the parameter and its slots. */
  update(parameter: number, gradient: TypedArray, scalars: Scalars): void
  /** Gives memory back. */
  dispose(): void
}

/** Makes an engine for a plan; `initial` holds the first values of each parameter's slots. */
export type EngineFactory = (
  plan: StepPlan,
  parameters: readonly TypedArray[],
  initial: readonly Readonly<Record<string, number>>[],
) => Engine
