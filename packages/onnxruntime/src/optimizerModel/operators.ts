import type { Op } from '@induced-metric/core'
import { dataType, type ModelBuilder } from '@induced-metric/onnx/proto'

/** Writes an operation of the core's graphs. All operands have one element type. */
export type Operator = (builder: ModelBuilder, type: number, ...operands: string[]) => string

/** An operation that is one operator of ONNX. */
function plain(opType: string): Operator {
  return ({ emit }, _type, ...operands) => emit(opType, operands)
}

/** Truth values are numbers in the core's graphs, 1 and 0. */
function truth(write: (builder: ModelBuilder, type: number, ...operands: string[]) => string): Operator {
  return (builder, type, ...operands) =>
    builder.emit('Cast', [write(builder, type, ...operands)], { to: type })
}

/** Every operation of the core's graphs except their leaves, as operators of ONNX. A missing one does not compile. */
export const operators: Readonly<Record<Exclude<Op, 'constant' | 'input'>, Operator>> = {
  add: plain('Add'),
  sub: plain('Sub'),
  mul: plain('Mul'),
  div: plain('Div'),
  max: plain('Max'),
  min: plain('Min'),
  sqrt: plain('Sqrt'),
  square: ({ emit }, _type, x) => emit('Mul', [x, x]),
  abs: plain('Abs'),
  neg: plain('Neg'),
  sign: plain('Sign'),
  pow: plain('Pow'),
  // x − x is 0, or NaN when x is not finite.
  finite: truth(({ emit, real }, type, x) => emit('Equal', [emit('Sub', [x, x]), real(0, type)])),
  greater: truth(({ emit }, _type, a, b) => emit('Greater', [a, b])),
  select: ({ emit, real }, type, condition, a, b) =>
    emit('Where', [emit('Greater', [condition, real(0, type)]), a, b]),
  // Sums accumulate in double precision, whatever the type of the operand.
  sum: ({ emit }, type, x) =>
    emit('ReduceSum', [type === dataType.double ? x : emit('Cast', [x], { to: dataType.double })], {
      keepdims: 0,
    }),
  matmul: plain('MatMul'),
  transpose: ({ emit }, _type, x) => emit('Transpose', [x], { perm: [1, 0] }),
}
