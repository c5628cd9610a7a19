import type { Tensor, TensorFlow } from './namespace.js'

/** Elements that may be added up in one single-precision accumulator. */
const rowLength = 1024

/** `tf.addN` of 8 or more inputs is wrong on webgpu: thirty ones gave 7. */
const mostAddends = 7

/**
 * The sum of all elements. The wasm backend adds a whole tensor up in one float32, which at 20 million elements is
 * 4 % off: so rows are summed first, then their sums.
 */
export function sumAll(tf: TensorFlow, x: Tensor): Tensor {
  const { size } = x
  if (size <= 2 * rowLength) return tf.sum(x)
  const length = divisorNear(size)
  if (length !== undefined) return sumAll(tf, tf.sum(tf.reshape(x, [size / length, length]), 1))
  const flat = tf.reshape(x, [size])
  const head = size - (size % rowLength)
  return tf.add(sumAll(tf, tf.slice(flat, [0], [head])), tf.sum(tf.slice(flat, [head], [size - head])))
}

/** A row length that divides the size, so that no element has to be copied: the largest up to twice `rowLength`. */
function divisorNear(size: number): number | undefined {
  for (let length = 2 * rowLength; length >= rowLength / 4; length--) {
    if (size % length === 0) return length
  }
  return undefined
}

/** The sum of tensors of one shape; at least one. */
export function addAll(tf: TensorFlow, tensors: readonly Tensor[]): Tensor {
  if (tensors.length === 1) return tensors[0]!
  if (tensors.length <= mostAddends) return tf.addN([...tensors])
  const sums: Tensor[] = []
  for (let i = 0; i < tensors.length; i += mostAddends) sums.push(addAll(tf, tensors.slice(i, i + mostAddends)))
  return addAll(tf, sums)
}
