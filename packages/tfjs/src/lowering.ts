import type { Op } from '@induced-metric/core'
import { sumAll } from './sums.js'
import type { Tensor, TensorFlow } from './namespace.js'

/** Every operation of the core's graphs but its leaves, as TensorFlow.js operations: a missing one does not compile. */
export type Lowering = Readonly<Record<Exclude<Op, 'constant' | 'input'>, (...inputs: Tensor[]) => Tensor>>

/** The lowering table of a TensorFlow.js namespace. */
export function createLowering(tf: TensorFlow): Lowering {
  return {
    add: (a, b) => tf.add(a!, b!),
    sub: (a, b) => tf.sub(a!, b!),
    mul: (a, b) => tf.mul(a!, b!),
    div: (a, b) => tf.div(a!, b!),
    max: (a, b) => tf.maximum(a!, b!),
    min: (a, b) => tf.minimum(a!, b!),
    sqrt: (x) => tf.sqrt(x!),
    square: (x) => tf.square(x!),
    abs: (x) => tf.abs(x!),
    neg: (x) => tf.neg(x!),
    sign: (x) => tf.sign(x!),
    pow: (a, b) => tf.pow(a!, b!),
    // Truth values are numbers in the graph, 1 and 0.
    finite: (x) => tf.cast(tf.isFinite(x!), 'float32'),
    greater: (a, b) => tf.cast(tf.greater(a!, b!), 'float32'),
    select: (condition, a, b) => tf.where(tf.cast(condition!, 'bool'), a!, b!),
    sum: (x) => sumAll(tf, x!),
    matmul: (a, b) => tf.matMul(a as never, b as never),
    transpose: (x) => tf.transpose(x!),
  }
}
