import { jit, numpy as np } from '@jax-js/jax'
import type { Lowering } from '@induced-metric/core'

type Operation = (...operands: np.Array[]) => np.Array

/** An operation that leaves its operands to whoever has them: jax-js's own consume theirs. */
function keep(operation: Operation): Operation {
  const compiled = jit(operation)
  return (...operands) => compiled(...operands.map(({ ref }) => ref))
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
  sum: keep(sumInBlocks),
  transpose: keep((x) => np.transpose(x)),
  matmul: keep(np.matmul),
}

/** The sum of all elements. jax-js adds up one after the other: a million float32 tenths gave 100958. */
function sumInBlocks(x: np.Array): np.Array {
  const length = Math.ceil(Math.sqrt(x.size))
  const padded = np.pad(x.ravel(), [[0, length ** 2 - x.size]])
  return padded.reshape([length, length]).sum(1).sum()
}
