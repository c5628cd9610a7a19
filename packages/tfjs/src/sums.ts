import type { Tensor, TensorFlow } from './namespace.js'

/**
 * The length of the rows that a backend adds up at once. wasm adds a whole tensor up in one float32 (4 % off at 20 million
 * elements), and each addition waits for the one before: rows of about 32 are precise, and a third faster than rows of
 * 1024. webgl adds equal parts, about as many as they are long, or the whole at once where the size has no such divisor,
 * as a prime.
 */
const rowLengths: Readonly<Record<string, number>> = { wasm: 32, webgl: 1024 }

/** Up to this many elements, a sum in one accumulator is off by less than 3e-6. */
const longestPlainSum = 4096

/** `tf.addN` of 8 or more inputs is wrong on webgpu: the sum of thirty ones was 7. */
const mostAddends = 7

/** The sum of all elements, a scalar. Where the backend's own sum is not precise, rows are added up first. */
export function sumAll(tf: TensorFlow, x: Tensor): Tensor {
  const { size } = x
  const engine = tf.engine()
  const reshape = (shape: number[]): Tensor => engine.runKernel<Tensor>('Reshape', { x }, { shape })
  const sum = (rows: Tensor, ...axis: number[]): Tensor =>
    engine.runKernel<Tensor>('Sum', { x: rows }, { axis, keepDims: false })

  // Sums of nothing fail on webgl and webgpu.
  if (size === 0) return tf.scalar(0)
  const rowLength = rowLengths[tf.getBackend()]
  if (rowLength === undefined || size <= longestPlainSum) {
    return x.rank === 0 ? sum(reshape([size]), 0) : sum(x, ...x.shape.keys())
  }
  const length = divisorNear(size, rowLength)
  if (length !== undefined) return sumAll(tf, sum(reshape([size / length, length]), 1))
  const flat = reshape([size])
  const head = size - (size % rowLength)
  return tf.add(sumAll(tf, tf.slice(flat, [0], [head])), sumAll(tf, tf.slice(flat, [head], [size - head])))
}

/** The sum of each row of a matrix, as a column. Where the backend's own sum is not precise, parts of rows are added up first. */
export function sumRows(tf: TensorFlow, x: Tensor): Tensor {
  const [rows, columns] = x.shape as [number, number]
  const partLength = rowLengths[tf.getBackend()]
  // Sums of nothing fail on webgl and webgpu, and are wrong on wasm.
  if (x.size === 0) return tf.zeros([rows, 1])
  if (partLength === undefined || columns <= longestPlainSum) return tf.sum(x, 1, true)
  const parts = Math.ceil(columns / partLength)
  const padded = tf.pad(x, [
    [0, 0],
    [0, parts * partLength - columns],
  ])
  return sumRows(tf, tf.sum(tf.reshape(padded, [rows, parts, partLength]), 2))
}

/** A divisor of the size from half to four times the wanted row length, so that nothing has to be copied. */
function divisorNear(size: number, wanted: number): number | undefined {
  for (let length = wanted; length <= 4 * wanted; length++) if (size % length === 0) return length
  for (let length = wanted - 1; length >= wanted / 2; length--) if (size % length === 0) return length
  return undefined
}

/** The sum of one or more tensors of the same shape. */
export function addAll(tf: TensorFlow, tensors: readonly Tensor[]): Tensor {
  if (tensors.length === 1) return tensors[0]!
  if (tensors.length <= mostAddends) return tf.addN([...tensors])
  const sums: Tensor[] = []
  for (let i = 0; i < tensors.length; i += mostAddends)
    sums.push(addAll(tf, tensors.slice(i, i + mostAddends)))
  return addAll(tf, sums)
}
