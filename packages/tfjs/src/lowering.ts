import type { Lowering } from '@induced-metric/core/adapter'
import type { Tensor, TensorFlow } from './namespace.js'
import { sumAll, sumRows } from './sums.js'

/** Prepares a choice by a condition, which broadcasts: `a` where it is above 0, else `b`. */
export function createChooser(tf: TensorFlow, condition: Tensor): (a: Tensor, b: Tensor) => Tensor {
  // Not by a cast to bool: on webgpu the choice is then wrong once an empty tensor is among those chosen from.
  const isTrue = tf.greater(condition, 0)
  return (a, b) => {
    // Nor of them: to webgpu, the empty tensor of a condition of one element is a tensor of one.
    const isEmpty = [condition, a, b].some(({ size }) => size === 0)
    return isEmpty ? tf.add(tf.add(a, b), condition) : tf.where(isTrue, a, b)
  }
}

/**
 * The operations of the core's graphs as operations of TensorFlow.js. The graphs are typed and shaped when they are
 * recorded, so elementwise operations call the kernels directly: the checks and conversions of `tf.add` and its like are
 * half the cost of an operation on a small tensor.
 */
export function createLowering(tf: TensorFlow): Lowering<Tensor> {
  const unary = (kernel: string) => (x?: Tensor) => tf.engine().runKernel<Tensor>(kernel, { x: x! })
  const binary = (kernel: string) => (a?: Tensor, b?: Tensor) =>
    tf.engine().runKernel<Tensor>(kernel, { a: a!, b: b! })
  const greater = binary('Greater')
  const finite = unary('IsFinite')
  const sign = unary('Sign')
  const [div, mul, reciprocal] = [binary('RealDiv'), binary('Multiply'), unary('Reciprocal')]
  const transpose = (x: Tensor): Tensor => tf.transpose(x)
  return {
    add: binary('Add'),
    sub: binary('Sub'),
    mul,
    // The webgl kernel returns 1 wherever both are equal, even if infinite: an overflow would pass for a number.
    div: (a, b) => (tf.getBackend() === 'webgl' ? mul(a, reciprocal(b)) : div(a, b)),
    max: binary('Maximum'),
    min: binary('Minimum'),
    sqrt: unary('Sqrt'),
    square: unary('Square'),
    abs: unary('Abs'),
    neg: unary('Neg'),
    // The wasm kernel takes anything below 1e-7 for 0, and the gradients of a trained network are that small.
    sign: (x) =>
      tf.getBackend() === 'wasm'
        ? tf.sub(tf.cast(tf.greater(x, 0), 'float32'), tf.cast(tf.greater(0, x), 'float32'))
        : sign(x),
    pow: binary('Pow'),
    // Truth values are numbers in the graph, 1 and 0.
    finite: (x) => tf.cast(finite(x), 'float32'),
    greater: (a, b) => tf.cast(greater(a, b), 'float32'),
    select: (condition, a, b) => createChooser(tf, condition)(a, b),
    exp: unary('Exp'),
    log: unary('Log'),
    floor: unary('Floor'),
    atan2: binary('Atan2'),
    sum: (x) => sumAll(tf, x),
    rowSums: (x) => sumRows(tf, x),
    columnSums: (x) => transpose(sumRows(tf, transpose(x))),
    rowMax: (x) => tf.max(x, 1, true),
    columnMax: (x) => tf.max(x, 0, true),
    matmul: (a, b) => tf.matMul(a, b),
    transpose,
  }
}
