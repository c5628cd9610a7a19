import type { Tensor, Variable } from '../../src/index.js'

// FILL IN: a small model for gradients.test.ts, with what networks of __name__ usually have: a bias, a nonlinearity.

/** The shapes of all that the model trains, by name. */
export const shapes: Readonly<Record<string, readonly number[]>> = {}

/** The model's variables, with the same values each time. */
export function createVariables(): Variable[] {
  throw new Error('fill in createVariables in test/support/model.ts')
}

/** The loss and the gradients of the first examples of a fixed data set as one batch, by the framework's differentiation. */
export function differentiate(
  variables: readonly Variable[],
  examples: number,
): { readonly loss: number; readonly gradients: (Tensor | null)[] } {
  throw new Error(`fill in differentiate in test/support/model.ts: ${variables.length} variables, ${examples} examples`)
}

/** One step of the framework's own plain SGD on these gradients. */
export function stepByFramework(
  variables: readonly Variable[],
  gradients: readonly (Tensor | null)[],
  learningRate: number,
): void {
  throw new Error(
    `fill in stepByFramework in test/support/model.ts: ${variables.length}, ${gradients.length}, ${learningRate}`,
  )
}
