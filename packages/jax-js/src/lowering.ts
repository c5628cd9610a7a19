import { jit, numpy as np } from '@jax-js/jax'
import { createFunctions, type Lowering } from '@induced-metric/core/adapter'
import { double } from './doubles.js'
import { stored } from './powers.js'

/** The operations of single precision and of both, and those of which {@link createFunctions} makes the others. */
const plain = {
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
  floor: np.floor,
  finite: (x) => np.isfinite(x.ref).astype(x.dtype),
  greater: (a, b) => np.greater(a, b).astype(a.dtype),
  select: (condition, a, b) => np.where(np.greater(condition, 0), a, b),
  // jax-js adds one element after the other: the sum of a million float32 tenths was 100958. Hence the blocks.
  sum: (x) =>
    blocksOf(x.reshape([1, x.size]))
      .sum(2)
      .sum(),
  rowSums,
  columnSums: (x) => np.transpose(rowSums(np.transpose(x))),
  rowMax: (x) => np.max(x, 1, { keepdims: true }),
  columnMax: (x) => np.max(x, 0, { keepdims: true }),
  transpose: (x) => np.transpose(x),
  matmul: np.matmul,
} satisfies Partial<Lowering<np.Array>> & Record<string, (...operands: np.Array[]) => np.Array>

function rowSums(x: np.Array): np.Array {
  const [rows] = x.shape as [number, number]
  return blocksOf(x).sum(2).sum(1).reshape([rows, 1])
}

/** The rows of a matrix as blocks, about as many as each has elements, padded with 0. */
function blocksOf(x: np.Array): np.Array {
  const [rows, columns] = x.shape as [number, number]
  const length = Math.max(1, Math.ceil(Math.sqrt(columns)))
  const blocks = Math.ceil(columns / length)
  return np
    .pad(x, [
      [0, 0],
      [0, blocks * length - columns],
    ])
    .reshape([rows, blocks, length])
}

type Operation = (...operands: np.Array[]) => np.Array

/** A function of single precision, and the same of double precision, which jax-js lacks on wasm. */
function inBothPrecisions(name: 'exp' | 'log' | 'pow' | 'atan2', single: Operation): Operation {
  return (...operands) => {
    if (operands[0]!.dtype !== np.float64) return single(...operands)
    const keeping = (operation: Operation): Operation => {
      return (...given) => operation(...given.map(({ ref }) => ref))
    }
    const made: Operation = createFunctions({
      lowering: mapOperations(plain, keeping),
      constant: double,
      stored: (x) => stored(x.ref),
    })[name]
    return made(...operands)
  }
}

/** The core's operations, as operations of jax-js. They consume their operands. */
const operations: Lowering<np.Array> = {
  ...plain,
  exp: inBothPrecisions('exp', np.exp),
  log: inBothPrecisions('log', np.log),
  pow: inBothPrecisions('pow', np.power),
  atan2: inBothPrecisions('atan2', np.arctan2),
}

/** The same table with each operation replaced. */
function mapOperations<T extends Readonly<Record<string, Operation>>>(
  table: T,
  change: (operation: Operation) => Operation,
): T {
  return Object.fromEntries(Object.entries(table).map(([op, operation]) => [op, change(operation)])) as T
}

/** The same table with each operation replaced. */
export function mapLowering(change: (operation: Operation) => Operation): Lowering<np.Array> {
  return mapOperations(operations, change)
}

/** The operations, each compiled. They do not consume their operands. */
export const lowering = mapLowering((operation) => {
  const compiled = jit(operation)
  return (...operands) => compiled(...operands.map(({ ref }) => ref))
})
