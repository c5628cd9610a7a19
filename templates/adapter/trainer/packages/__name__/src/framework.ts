import type { Parameter, TypedArray } from '@induced-metric/core'
import { fillIn } from './fillIn.js'

// FILL IN: three types and four functions. Nothing else in the adapter depends on __name__.

/**
 * A model of __name__. Put the framework's own type in its place: `import type { Net } from '…'`, and `export type Model = Net`. The functions
 * below use it by this name.
 */
export interface Model {
  /** A placeholder. */
  readonly fillIn?: never
}

/** What the framework's own trainer takes for an example. */
export type Input = unknown

/** What it takes for the wanted output. */
export type Target = unknown

/**
 * The trainable weights, always in the same order: names that stay the same from process to process (checkpoints find
 * parameters by them), shapes, and as `data` the framework's own arrays, which every step updates in place.
 */
export function parametersOf(model: Model): Parameter[] {
  return fillIn('parametersOf in src/framework.ts', model)
}

/**
 * Runs the model and its back-propagation on one example, and adds ∂L/∂θ to the gradients.
 *
 * @returns L of the example, as it was differentiated; `undefined` if the framework does not know it
 */
export function differentiate(model: Model, input: Input, target: Target): number | undefined {
  return fillIn('differentiate in src/framework.ts', model, input, target)
}

/** The gradients that have been added up, in the order of the parameters; `null` (not zeros) for a weight without one. */
export function gradientsOf(model: Model): (TypedArray | null)[] {
  return fillIn('gradientsOf in src/framework.ts', model)
}

/** Sets the gradients to 0. */
export function clearGradients(model: Model): void {
  fillIn('clearGradients in src/framework.ts', model)
}
