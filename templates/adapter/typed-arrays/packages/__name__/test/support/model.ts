import type { Model } from '../../src/framework.js'

// FILL IN: a small model for gradients.test.ts, with what networks of __name__ usually have: a bias, a nonlinearity.

/** The learning rate of the framework's own SGD in `createModel`. */
export const learningRate = 0.05

/** The shapes of all that the model trains, by the names that `parametersOf` gives. */
export const shapes: Readonly<Record<string, readonly number[]>> = {}

/** A model, with the same weights each time, which the framework's own plain SGD updates at `learningRate`. */
export function createModel(): Model {
  throw new Error('fill in createModel in test/support/model.ts')
}

/** One training step, as a user takes it, on the first examples of a fixed data set as one batch. */
export function trainOn(model: Model, examples: number): void {
  throw new Error(`fill in trainOn in test/support/model.ts: ${typeof model} on ${examples} examples`)
}
