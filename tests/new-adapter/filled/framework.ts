import type { Parameter, TypedArray } from '@induced-metric/core'

// The example of a contributor: a small framework with weights and gradients in typed arrays.

/** A layer: its weights and their gradients, or null if the layer is frozen. */
export interface Layer {
  readonly name: string
  readonly shape: readonly number[]
  readonly weights: TypedArray
  gradients: TypedArray | null
}

export interface Model {
  readonly layers: readonly Layer[]
  /** The function that ends a training step. */
  update: (loss: number | undefined) => void
}

export function parametersOf(model: Model): Parameter[] {
  return model.layers.map(({ name, shape, weights }) => ({ name, shape, data: weights }))
}

export function gradientsOf(model: Model): (TypedArray | null)[] {
  return model.layers.map(({ gradients }) => gradients)
}

export function replaceUpdate(model: Model, update: (loss: number | undefined) => void): () => void {
  const own = model.update
  model.update = update
  return () => void (model.update = own)
}
