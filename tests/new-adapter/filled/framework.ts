import type { Parameter, TypedArray } from '@induced-metric/core'

// What a contributor might fill in: a framework with weights and gradients in typed arrays, that fits in here.

/** A layer: weights, and beside them their gradients, or null in a frozen one. */
export interface Layer {
  readonly name: string
  readonly shape: readonly number[]
  readonly weights: TypedArray
  gradients: TypedArray | null
}

export interface Model {
  readonly layers: readonly Layer[]
  /** What training steps end with. */
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
