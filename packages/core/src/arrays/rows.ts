import { elementType, type TypedArray } from '../dtype.js'
import { shapeError, show } from '../errors.js'

/** The result of {@link joinRows}. */
export interface JoinedRows<T extends TypedArray> {
  /** All rows, one after the other. */
  readonly data: T
  /** Each row, as a view of `data`. */
  readonly rows: readonly T[]
}

/**
 * Copies of rows, each with a buffer of its own, for a framework that reads `.buffer` of its arrays when it saves or sends them: all rows that
 * {@link joinRows} returns share one.
 *
 * @example
 * ```ts
 * import { joinRows, separateRows } from '@induced-metric/core/adapter'
 *
 * const { rows } = joinRows([new Float32Array([1, 2]), new Float32Array([3, 4])])
 * console.log(rows[1]!.buffer.byteLength, separateRows(rows)[1]!.buffer.byteLength) // 16 8
 * ```
 */
export function separateRows<T extends TypedArray>(rows: readonly T[]): T[] {
  return rows.map((row) => row.slice() as T)
}

/** The results so far, by their first row. */
const joined = new WeakMap<TypedArray, JoinedRows<TypedArray>>()

/**
 * Joins rows for which a framework has an array each (one per neuron or filter), so that they can be one parameter, of shape
 * [rows, length], that is updated where it is stored. Make the framework use the rows that this function returns.
 *
 * @param rows at least one, all of one length and element type
 * @returns a copy of the rows in one array, and views to take their place. Given those views, it returns the same again.
 * @throws ERR_SHAPE when there are none, or they are not all Float32Array or all Float64Array of one length
 *
 * @example
 * ```ts
 * import { joinRows } from '@induced-metric/core/adapter'
 *
 * const neurons = [{ weights: new Float32Array([1, 2]) }, { weights: new Float32Array([3, 4]) }]
 * const { data, rows } = joinRows(neurons.map(({ weights }) => weights))
 * neurons.forEach((neuron, i) => (neuron.weights = rows[i]!))
 * data[3] = 5
 * console.log(neurons[1]!.weights) // Float32Array [3, 5]
 * ```
 */
export function joinRows<T extends TypedArray>(rows: readonly T[]): JoinedRows<T> {
  const [first] = rows
  const known = first && (joined.get(first) as JoinedRows<T> | undefined)
  if (known?.rows.length === rows.length && rows.every((row, i) => row === known.rows[i])) return known
  const type = elementType(first)
  const odd = rows.find((row) => elementType(row) !== type || row.length !== first?.length)
  if (first === undefined || type === undefined || odd !== undefined) {
    const given = [first, odd ?? first].map((row) => `${show(row)} of length ${row?.length}`).join(' and ')
    throw shapeError(
      `rows of a matrix must be Float32Array or Float64Array, all of one type and length; given ${given}`,
    )
  }
  const { length } = first
  const data = new (first.constructor as new (length: number) => T)(rows.length * length)
  const views = rows.map((row, i) => {
    data.set(row, i * length)
    return data.subarray(i * length, (i + 1) * length) as T
  })
  const made = { data, rows: views }
  joined.set(views[0]!, made)
  return made
}
