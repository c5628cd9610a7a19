import { operationsOf, type Operations } from '../rewrite/operations.js'
import type { GradientContext, GradientRule } from './context.js'

/** The values and operations that the gradient of a function of one variable is written with. */
export interface Elementwise extends Operations {
  readonly dY: string
  readonly x: string
  /** The function's value. */
  readonly y: string
  readonly context: GradientContext
}

/** A rule for an elementwise function of one variable. */
export function elementwise(gradient: (given: Elementwise) => string): GradientRule {
  return (context) => {
    if (!context.wants(0)) return
    const x = context.required(0)
    const operations = operationsOf(context, context.realTypeOf(x))
    const dY = context.requiredGradient(0)
    context.give(0, gradient({ ...operations, dY, x, y: context.saved(0), context }))
  }
}

/**
 * Gives an operand its gradient from one in the shape of the result: summed over the axes along which the operand was
 * broadcast.
 */
export function giveReduced(context: GradientContext, input: number, make: () => string): void {
  if (!context.wants(input)) return
  context.give(input, context.reduceTo(make(), context.required(input), context.saved(0)))
}
