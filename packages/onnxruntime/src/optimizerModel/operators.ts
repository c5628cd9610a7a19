import { createFunctions, type HostMatrixOp, type Lowering } from '@induced-metric/core/adapter'
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

/** The sums of a matrix along an axis, accumulated in double precision as all sums are. */
function sums(axis: 0 | 1): Operator {
  return ({ emit, ints }, type, x) => {
    const { double } = dataType
    const wide = type === double ? x : emit('Cast', [x], { to: double })
    const result = emit('ReduceSum', [wide, ints([axis])], { keepdims: 1 })
    return type === double ? result : emit('Cast', [result], { to: type })
  }
}

/** The largest elements of a matrix along an axis. ReduceMax passes over a NaN. */
function largest(axis: 0 | 1): Operator {
  return ({ emit, real }, type, x) => {
    const reduce = (values: string): string => emit('ReduceMax', [values], { axes: [axis], keepdims: 1 })
    const isNaN = emit('Cast', [emit('IsNaN', [x])], { to: type })
    return emit('Where', [emit('Greater', [reduce(isNaN), real(0, type)]), real(NaN, type), reduce(x)])
  }
}

/** Every operation of the core's graphs that a model can contain, as operators of ONNX. A missing one does not compile. */
export const operators: Readonly<Record<Exclude<keyof Lowering<string>, HostMatrixOp>, Operator>> = {
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
  exp: plain('Exp'),
  log: plain('Log'),
  floor: plain('Floor'),
  // ONNX Runtime has no arc tangent of double.
  atan2(builder, type, y, x) {
    const parts = [
      'add',
      'sub',
      'mul',
      'div',
      'max',
      'min',
      'sqrt',
      'square',
      'abs',
      'floor',
      'greater',
      'select',
    ] as const
    const made = parts.map((op) => [op, (...operands: string[]) => operators[op](builder, type, ...operands)])
    const lowering = Object.fromEntries(made) as Pick<Lowering<string>, (typeof parts)[number]>
    return createFunctions({ lowering, constant: (value) => builder.real(value, type) }).atan2(y, x)
  },
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
  rowSums: sums(1),
  columnSums: sums(0),
  rowMax: largest(1),
  columnMax: largest(0),
  matmul: plain('MatMul'),
  transpose: ({ emit }, _type, x) => emit('Transpose', [x], { perm: [1, 0] }),
}
