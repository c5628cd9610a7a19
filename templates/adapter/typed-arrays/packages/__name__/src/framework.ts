import type { Parameter, TypedArray } from '@induced-metric/core'
import { fillIn } from './fillIn.js'

// FILL IN: one type and three functions. Nothing else in the adapter depends on __name__.

/**
 * A model of __name__. Put the framework's own type in its place: `import type { Net } from '…'`, and `export type Model = Net`. The functions
 * below use it by this name.
 */
export interface Model {
  /** A placeholder. */
  readonly fillIn?: never
}

/**
 * The trainable weights, always in the same order: names that stay the same from process to process (checkpoints find
 * parameters by them), shapes, and as `data` the framework's own arrays, which every step updates in place.
 */
export function parametersOf(model: Model): Parameter[] {
  return fillIn('parametersOf in src/framework.ts', model)
}

/** ∂L/∂θ of each of them, as back-propagation has left it; `null` (not zeros) for a weight without a gradient in this step. */
export function gradientsOf(model: Model): (TypedArray | null)[] {
  return fillIn('gradientsOf in src/framework.ts', model)
}

/**
 * Makes the model call `update` where it would update its weights itself.
 *
 * @param update takes L at the weights before the step, over the batch of the gradients; `undefined` if the framework does
 *   not know it. It may throw: let its errors through.
 * @returns a function that restores the model's own update
 */
export function replaceUpdate(model: Model, update: (loss: number | undefined) => void): () => void {
  return fillIn('replaceUpdate in src/framework.ts', model, update)
}
