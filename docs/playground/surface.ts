import { compile, derivative, type Evaluate, type Formula } from './formula.js'

/** The variables of a loss. */
export const surfaceVariables = ['x', 'y'] as const

/** A loss with its gradient, ready to be evaluated. */
export interface Surface {
  readonly formula: Formula
  readonly gradientFormulas: readonly [Formula, Formula]
  readonly value: Evaluate
  readonly slopeX: Evaluate
  readonly slopeY: Evaluate
}

/** Prepares a loss. The gradient is symbolic. */
export function createSurface(formula: Formula): Surface {
  const gradientFormulas = [derivative(formula, 'x'), derivative(formula, 'y')] as const
  return {
    formula,
    gradientFormulas,
    value: compile(formula, surfaceVariables),
    slopeX: compile(gradientFormulas[0], surfaceVariables),
    slopeY: compile(gradientFormulas[1], surfaceVariables),
  }
}
