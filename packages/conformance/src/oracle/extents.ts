import type { BaseInput } from './base.js'
import type { Matrix } from './matrices.js'

/**
 * The rows and columns of a parameter as a matrix. One of more than two axes has the first axis as its rows, or the last one
 * as its columns where `rows` says that they are inputs. A vector is no matrix.
 */
export function extentsOf(x: BaseInput): readonly [rows: number, columns: number] | undefined {
  if (x.shape.length < 2) return undefined
  const [first, last] = [x.shape[0]!, x.shape.at(-1)!]
  return x.text('rows', 'outputs') === 'inputs' ? [x.g.length / last, last] : [first, x.g.length / first]
}

/** A parameter's array as a matrix. */
export function asMatrix([rows, columns]: readonly [number, number], data: Float64Array): Matrix {
  return { rows, columns, data }
}

/** An exponential average of arrays, a new one. */
export function averaged(before: Float64Array, values: Float64Array, beta: number): Float64Array {
  return before.map((value, i) => beta * value + (1 - beta) * values[i]!)
}
