import { realTensor } from '../proto/tensor.js'
import type { LoweringContext } from './nodeContext.js'

/** The operations of formulas: each adds a node and returns the name of its output. */
export interface Operations {
  readonly add: (a: string, b: string) => string
  readonly sub: (a: string, b: string) => string
  readonly mul: (...factors: string[]) => string
  readonly div: (a: string, b: string) => string
  readonly unary: (opType: string, x: string) => string
  /** Adds a comparison or a logical operator. */
  readonly is: (opType: string, a: string, b: string) => string
  readonly where: (condition: string, then: string, otherwise: string) => string
  readonly real: (value: number) => string
}

/** Creates {@link Operations} for an element type. */
export function operationsOf({ emit, reals }: LoweringContext, type: number): Operations {
  return {
    add: (a, b) => emit('Add', [a, b]),
    sub: (a, b) => emit('Sub', [a, b]),
    mul: (...factors) => factors.reduce((a, b) => emit('Mul', [a, b])),
    div: (a, b) => emit('Div', [a, b]),
    unary: (opType, x) => emit(opType, [x]),
    is: (opType, a, b) => emit(opType, [a, b]),
    where: (condition, then, otherwise) => emit('Where', [condition, then, otherwise]),
    real: (value) => reals([value], type),
  }
}

/** Zeros, with a shape that is a value of the graph. */
export function zerosOf({ emit }: LoweringContext, shape: string, type: number): string {
  return emit('ConstantOfShape', [shape], { value: realTensor('', [0], type, [1]) })
}
