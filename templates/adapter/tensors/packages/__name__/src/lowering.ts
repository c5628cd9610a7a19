import type { Lowering } from '@induced-metric/core/adapter'
import { fillIn } from './fillIn.js'
import type { Tensor } from './tensor.js'

/**
 * FILL IN: the core's operations in those of __name__. A missing operation does not compile. Operations leave their operands
 * as they are and return a new tensor. Scalars are tensors of shape [], which broadcast over others, and so do columns of [p, 1] and rows
 * of [1, q] over matrices of [p, q], and over each other.
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
  pow: (a, b) => fillIn('pow in src/lowering.ts', a, b),
  exp: (x) => fillIn('exp in src/lowering.ts', x),
  log: (x) => fillIn('log in src/lowering.ts', x),
  floor: (x) => fillIn('floor in src/lowering.ts', x),
  atan2: (y, x) => fillIn('atan2 in src/lowering.ts', y, x),
  // 1 or 0.
  finite: (x) => fillIn('finite in src/lowering.ts', x),
  greater: (a, b) => fillIn('greater in src/lowering.ts', a, b),
  // a where the condition is above 0, else b. The other one may be NaN.
  select: (condition, a, b) => fillIn('select in src/lowering.ts', condition, a, b),
  // Of all elements, as a scalar. Add in blocks of about 1000 if the framework adds in single precision.
  sum: (x) => fillIn('sum in src/lowering.ts', x),
  // Of each row of a matrix [p, q], as a column [p, 1]; of each column, as a row [1, q].
  rowSums: (x) => fillIn('rowSums in src/lowering.ts', x),
  columnSums: (x) => fillIn('columnSums in src/lowering.ts', x),
  // NaN where a row or column contains a NaN.
  rowMax: (x) => fillIn('rowMax in src/lowering.ts', x),
  columnMax: (x) => fillIn('columnMax in src/lowering.ts', x),
  // Of matrices, [p, q].
  matmul: (a, b) => fillIn('matmul in src/lowering.ts', a, b),
  transpose: (x) => fillIn('transpose in src/lowering.ts', x),
}
