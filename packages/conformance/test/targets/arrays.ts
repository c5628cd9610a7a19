import type { TypedArray } from '@induced-metric/core'
import type { TensorBackend } from '@induced-metric/core/adapter'

// A minimal framework with tensors of its own, which counts the tensors it has created.

/** A tensor: values, row-major. */
export interface Tensor {
  readonly shape: readonly number[]
  readonly values: TypedArray
}

/** The tensors that were created and not freed. */
export const living = new Set<Tensor>()

function make(shape: readonly number[], values: TypedArray): Tensor {
  const tensor = { shape, values }
  living.add(tensor)
  return tensor
}

/** The values of a tensor, which must not have been freed. */
function valuesOf(tensor: Tensor): TypedArray {
  if (!living.has(tensor)) throw new Error('a tensor is used that was freed')
  return tensor.values
}

function like(values: TypedArray, length: number): TypedArray {
  return values instanceof Float64Array ? new Float64Array(length) : new Float32Array(length)
}

/** The shape that operands have together: scalars, rows and columns broadcast over matrices. */
function jointShape(operands: readonly Tensor[]): readonly number[] {
  const rank = Math.max(...operands.map(({ shape }) => shape.length))
  return Array.from({ length: rank }, (_, axis) =>
    operands.reduce((extent, { shape }) => {
      const own = shape[axis]
      if (own === undefined || own === 1) return extent
      if (extent !== 1 && extent !== own) throw new Error('operands whose shapes do not agree')
      return own
    }, 1),
  )
}

/** The index of an element of a broadcast operand. */
function indexIn(shape: readonly number[], joint: readonly number[], i: number): number {
  if (shape.length === 0) return 0
  if (shape.every((extent, axis) => extent === joint[axis])) return i
  const [row, column] = [Math.floor(i / joint[1]!), i % joint[1]!]
  return shape[0] === 1 ? column : row
}

/** Element by element. */
const each =
  (f: (a: number, b: number, c: number) => number) =>
  (...operands: Tensor[]): Tensor => {
    const shape = jointShape(operands)
    const arrays = operands.map(valuesOf)
    const at = (operand: number, i: number): number =>
      arrays[operand]?.[indexIn(operands[operand]!.shape, shape, i)] ?? 0
    const values = like(
      arrays[0]!,
      shape.reduce((a, b) => a * b, 1),
    )
    for (let i = 0; i < values.length; i++) values[i] = f(at(0, i), at(1, i), at(2, i))
    return make(shape, values)
  }

/** Combines the elements of each row, or of each column, of a matrix. */
const along =
  (axis: 0 | 1, f: (a: number, b: number) => number, start: number) =>
  (x: Tensor): Tensor => {
    const [p, q] = x.shape as [number, number]
    const given = valuesOf(x)
    const totals = new Float64Array(axis === 1 ? p : q).fill(start)
    given.forEach((value, i) => {
      const at = axis === 1 ? Math.floor(i / q) : i % q
      totals[at] = f(totals[at]!, value)
    })
    const values = like(given, totals.length)
    values.set(totals)
    return make(axis === 1 ? [p, 1] : [1, q], values)
  }

/** The framework in the form that the core expects. */
export const tensors: TensorBackend<Tensor> = {
  from: (values, shape) => make(shape, values.slice()),
  read: valuesOf,
  reshape: (tensor, shape) => make(shape, valuesOf(tensor).slice()),
  shape: ({ shape }) => shape,
  dtype: ({ values }) => (values instanceof Float64Array ? 'float64' : 'float32'),
  dispose: (tensor) => {
    if (!living.delete(tensor)) throw new Error('a tensor is freed twice')
  },
  lowering: {
    add: each((a, b) => a + b),
    sub: each((a, b) => a - b),
    mul: each((a, b) => a * b),
    div: each((a, b) => a / b),
    max: each((a, b) => Math.max(a, b)),
    min: each((a, b) => Math.min(a, b)),
    sqrt: each(Math.sqrt),
    square: each((a) => a * a),
    abs: each(Math.abs),
    neg: each((a) => -a),
    sign: each(Math.sign),
    pow: each(Math.pow),
    exp: each(Math.exp),
    log: each(Math.log),
    floor: each(Math.floor),
    atan2: each(Math.atan2),
    finite: each((a) => Number(Number.isFinite(a))),
    greater: each((a, b) => Number(a > b)),
    select: each((condition, a, b) => (condition > 0 ? a : b)),
    sum: (x) => {
      const values = valuesOf(x)
      let total = 0
      for (const value of values) total += value
      return make([], like(values, 1).fill(total))
    },
    rowSums: along(1, (a, b) => a + b, 0),
    columnSums: along(0, (a, b) => a + b, 0),
    rowMax: along(1, Math.max, -Infinity),
    columnMax: along(0, Math.max, -Infinity),
    matmul: (a, b) => {
      const [[p, q], r] = [a.shape as [number, number], b.shape[1]!]
      const [x, y] = [valuesOf(a), valuesOf(b)]
      const values = like(x, p * r)
      for (let i = 0; i < p; i++) {
        for (let j = 0; j < r; j++) {
          let total = 0
          for (let k = 0; k < q; k++) total += x[i * q + k]! * y[k * r + j]!
          values[i * r + j] = total
        }
      }
      return make([p, r], values)
    },
    transpose: (x) => {
      const [p, q] = x.shape as [number, number]
      const given = valuesOf(x)
      const values = like(given, p * q)
      for (let i = 0; i < p; i++) for (let j = 0; j < q; j++) values[j * p + i] = given[i * q + j]!
      return make([q, p], values)
    },
  },
}
