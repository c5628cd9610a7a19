import type { Input, Model, Target } from '../../src/framework.js'

// FILL IN: a small model for gradients.test.ts, with what networks of __name__ usually have: a bias, a nonlinearity.

/** The shapes of all that the model trains, by the names that `parametersOf` gives. */
export const shapes: Readonly<Record<string, readonly number[]>> = {}

/** Three examples for the model. */
export const examples: readonly (readonly [input: Input, target: Target])[] = []

/** A model, with the same weights each time. */
export function createModel(): Model {
  throw new Error('fill in createModel in test/support/model.ts')
}

/** A step of the framework's own trainer, plain SGD, on these examples as one batch. */
export function trainByFramework(model: Model, batch: typeof examples, learningRate: number): void {
  throw new Error(
    `fill in trainByFramework in test/support/model.ts: ${typeof model}, ${batch.length} examples, ${learningRate}`,
  )
}
