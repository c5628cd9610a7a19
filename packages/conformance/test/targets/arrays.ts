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

/** Element by element; a scalar is combined with every element of the other operand. */
const each =
  (f: (a: number, b: number, c: number) => number) =>
  (...operands: Tensor[]): Tensor => {
    const largest = operands.find(({ shape }) => shape.length > 0) ?? operands[0]!
    const arrays = operands.map(valuesOf)
    const at = (operand: number, i: number): number => {
      const array = arrays[operand]
      return array === undefined ? 0 : array[operands[operand]!.shape.length === 0 ? 0 : i]!
    }
    const values = like(largest.values, largest.values.length)
    for (let i = 0; i < values.length; i++) values[i] = f(at(0, i), at(1, i), at(2, i))
    return make(largest.shape, values)
  }

/** The framework in the form that the core expects. */
export const tensors: TensorBackend<Tensor> = {
  from: (values, shape) => make(shape, values.slice()),
  read: valuesOf,
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
    finite: each((a) => Number(Number.isFinite(a))),
    greater: each((a, b) => Number(a > b)),
    select: each((condition, a, b) => (condition > 0 ? a : b)),
    sum: (x) => {
      const values = valuesOf(x)
      let total = 0
      for (const value of values) total += value
      return make([], like(values, 1).fill(total))
    },
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
