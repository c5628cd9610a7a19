import type { Lowering } from '@induced-metric/core/adapter'
import { fillIn } from './fillIn.js'
import type { Tensor } from './tensors.js'

/**
 * FILL IN: the core's operations in those of __name__; an operation that is missing here does not compile. Operands stay
 * as they are, and the result is a new tensor. Scalars are tensors of shape [], and broadcast; nothing else does.
 */
export const lowering: Lowering<Tensor> = {
  add: (a, b) => fillIn('add in src/lowering.ts', a, b),
  sub: (a, b) => fillIn('sub in src/lowering.ts', a, b),
  mul: (a, b) => fillIn('mul in src/lowering.ts', a, b),
  div: (a, b) => fillIn('div in src/lowering.ts', a, b),
  // NaN where either operand is NaN.
  max: (a, b) => fillIn('max in src/lowering.ts', a, b),
  min: (a, b) => fillIn('min in src/lowering.ts', a, b),
  sqrt: (x) => fillIn('sqrt in src/lowering.ts', x),
  square: (x) => fillIn('square in src/lowering.ts', x),
  abs: (x) => fillIn('abs in src/lowering.ts', x),
  neg: (x) => fillIn('neg in src/lowering.ts', x),
  sign: (x) => fillIn('sign in src/lowering.ts', x),
  // On scalars only, from here on.
  pow: (a, b) => fillIn('pow in src/lowering.ts', a, b),
  // 1 or 0.
  finite: (x) => fillIn('finite in src/lowering.ts', x),
  greater: (a, b) => fillIn('greater in src/lowering.ts', a, b),
  // a where the condition is above 0, else b; what is not chosen may be NaN.
  select: (condition, a, b) => fillIn('select in src/lowering.ts', condition, a, b),
  // Of all elements, into a scalar; in blocks of some 1000 where the framework adds in single precision.
  sum: (x) => fillIn('sum in src/lowering.ts', x),
  // Of matrices, [rows, columns].
  matmul: (a, b) => fillIn('matmul in src/lowering.ts', a, b),
  transpose: (x) => fillIn('transpose in src/lowering.ts', x),
}
