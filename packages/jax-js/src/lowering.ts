import { jit, numpy as np } from '@jax-js/jax'
import type { Lowering } from '@induced-metric/core/adapter'

/** An operation that leaves its operands to whoever has them: jax-js's own consume theirs. */
function keep(operation: (...operands: np.Array[]) => np.Array) {
  const compiled = jit(operation)
  return (...operands: np.Array[]) => compiled(...operands.map(({ ref }) => ref))
}

/** The core's operations in those of jax-js. */
export const lowering: Lowering<np.Array> = {
  add: keep((a, b) => a.add(b)),
  sub: keep((a, b) => a.sub(b)),
  mul: keep((a, b) => a.mul(b)),
  div: keep((a, b) => a.div(b)),
  max: keep(np.maximum),
  min: keep(np.minimum),
  sqrt: keep(np.sqrt),
  square: keep(np.square),
  abs: keep(np.abs),
  neg: keep(np.negative),
  sign: keep(np.sign),
  pow: keep(np.power),
  finite: keep((x) => np.isfinite(x.ref).astype(x.dtype)),
  greater: keep((a, b) => np.greater(a, b).astype(a.dtype)),
  select: keep((condition, a, b) => np.where(np.greater(condition, 0), a, b)),
  // jax-js adds up one after the other: a million float32 tenths gave 100958. Hence in blocks.
  sum: keep((x) => {
    const length = Math.ceil(Math.sqrt(x.size))
    const square = np.pad(x.ravel(), [[0, length ** 2 - x.size]]).reshape([length, length])
    return square.sum(1).sum()
  }),
  transpose: keep((x) => np.transpose(x)),
  matmul: keep(np.matmul),
}
