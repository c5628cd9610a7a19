import { jit, numpy as np } from '@jax-js/jax'
import type { Lowering } from '@induced-metric/core/adapter'

/** The core's operations, as operations of jax-js. They consume their operands. */
const operations: Lowering<np.Array> = {
  add: (a, b) => a.add(b),
  sub: (a, b) => a.sub(b),
  mul: (a, b) => a.mul(b),
  div: (a, b) => a.div(b),
  max: np.maximum,
  min: np.minimum,
  sqrt: np.sqrt,
  square: np.square,
  abs: np.abs,
  neg: np.negative,
  sign: np.sign,
  pow: np.power,
  finite: (x) => np.isfinite(x.ref).astype(x.dtype),
  greater: (a, b) => np.greater(a, b).astype(a.dtype),
  select: (condition, a, b) => np.where(np.greater(condition, 0), a, b),
  // jax-js adds one element after the other: the sum of a million float32 tenths was 100958. Hence the blocks.
  sum: (x) => {
    const length = Math.ceil(Math.sqrt(x.size))
    const square = np.pad(x.ravel(), [[0, length ** 2 - x.size]]).reshape([length, length])
    return square.sum(1).sum()
  },
  transpose: (x) => np.transpose(x),
  matmul: np.matmul,
}

/** The same table with each operation replaced. */
export function mapLowering(
  change: (operation: (...operands: np.Array[]) => np.Array) => (...operands: np.Array[]) => np.Array,
): Lowering<np.Array> {
  const changed = Object.entries(operations).map(([op, operation]) => [op, change(operation)])
  return Object.fromEntries(changed) as Lowering<np.Array>
}

/** The operations, each compiled. They do not consume their operands. */
export const lowering = mapLowering((operation) => {
  const compiled = jit(operation)
  return (...operands) => compiled(...operands.map(({ ref }) => ref))
})
