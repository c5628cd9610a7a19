import type { Parameter, TypedArray } from '@induced-metric/core'
import { fillIn } from './fillIn.js'

// FILL IN: one type and three functions, all that the adapter knows of __name__.

/** A model of __name__. Name the framework's own type here: `export type { Net as Model } from '…'`. */
export interface Model {
  /** Nothing yet. */
  readonly fillIn?: never
}

/**
 * The trainable weights, always in the same order: names that stay the same from process to process (checkpoints go by
 * them), shapes, and as `data` the framework's own arrays, which every step updates in place.
 */
export function parametersOf(model: Model): Parameter[] {
  return fillIn('parametersOf in src/framework.ts', model)
}

/** ∂L/∂θ of each of them, as back-propagation has left it; `null` (not zeros) where there is none in this step. */
export function gradientsOf(model: Model): (TypedArray | null)[] {
  return fillIn('gradientsOf in src/framework.ts', model)
}

/**
 * Has the model call `update` where it would update its weights itself.
 *
 * @param update to be given L at the weights before the step, over the batch that the gradients are of; `undefined`
 *   where the framework doesn't know it. It may throw: let that through.
 * @returns what puts the model's own update back
 */
export function replaceUpdate(model: Model, update: (loss: number | undefined) => void): () => void {
  return fillIn('replaceUpdate in src/framework.ts', model, update)
}
