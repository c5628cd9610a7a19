import { UsageError } from '../usageError.js'
import type { Table } from './table.js'

/** An input that the data have to fill. */
export interface InputShape {
  readonly name: string
  /** The runtime's name for the element type: `float32`, `int64`, … */
  readonly type: string
  /** A string stands for any extent. */
  readonly dims: readonly (number | string)[]
  /** Whether it takes one example, without an axis for a batch. */
  readonly isWhole?: boolean
}

/** The position of an input's rows in a table. */
export interface Column {
  readonly input: InputShape
  readonly table: Table
  /** The index of the first of its numbers in a row. */
  readonly start: number
  /** Their count. */
  readonly width: number
  /** The extents of one row. */
  readonly dims: readonly number[]
}

/** Rows of examples for the inputs of a model. */
export interface Dataset {
  readonly rows: number
  readonly columns: readonly Column[]
}

/** A tensor to feed. */
export interface Feed {
  readonly type: string
  readonly dims: readonly number[]
  readonly data: FeedData
}

/** The elements of a {@link Feed}. */
export type FeedData = Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array

const arrays: Readonly<Record<string, (length: number) => FeedData>> = {
  float32: (length) => new Float32Array(length),
  float64: (length) => new Float64Array(length),
  int32: (length) => new Int32Array(length),
  int64: (length) => new BigInt64Array(length),
  uint8: (length) => new Uint8Array(length),
  bool: (length) => new Uint8Array(length),
}

/** A file of data: for one input or, without a name, for all of them, side by side. */
export interface Source {
  readonly input?: string | undefined
  readonly file: string
  readonly table: Table
}

/**
 * Assigns the columns of tables to the inputs of a model.
 *
 * @param inputs - the inputs to fill
 * @param sources - one table per input, or one table whose columns go to the inputs in order
 * @throws UsageError if they do not fit, or have a number that the element type of its input cannot represent
 */
export function bindData(inputs: readonly InputShape[], sources: readonly Source[]): Dataset {
  const whole = sources.filter(({ input }) => input === undefined)
  const columns = whole.length > 0 ? dealOut(inputs, sources) : pickFor(inputs, sources)
  const [rows, ...others] = columns.map(({ table }) => table.rows)
  const other = others.findIndex((count) => count !== rows)
  if (other !== -1) {
    throw new UsageError(
      `the data have ${rows} rows for ${columns[0]!.input.name} and ${others[other]} for ${columns[other + 1]!.input.name}`,
    )
  }
  columns.forEach(checkValues)
  return { rows: rows ?? 0, columns }
}

function dealOut(inputs: readonly InputShape[], sources: readonly Source[]): Column[] {
  if (sources.length > 1) {
    throw new UsageError('give one file with the columns of all inputs, or one for each: --data NAME=FILE')
  }
  const { table, file } = sources[0]!
  let start = 0
  const columns = inputs.map((input, index): Column => {
    // The last input may take the remaining columns, if its model leaves the length open.
    const open = index === inputs.length - 1 ? table.columns - start : undefined
    const dims = rowDims(input, open)
    const width = dims.reduce((product, extent) => product * extent, 1)
    start += width
    return { input, table, start: start - width, width, dims }
  })
  if (start === table.columns) return columns
  const wanted = columns.map(({ input, width }) => `${width} for ${input.name}`).join(', ')
  throw new UsageError(`${file} has ${table.columns} columns, the model takes ${start}: ${wanted}`)
}

function pickFor(inputs: readonly InputShape[], sources: readonly Source[]): Column[] {
  const names = inputs.map(({ name }) => name).join(', ')
  for (const { input } of sources) {
    if (!inputs.some(({ name }) => name === input)) {
      throw new UsageError(`the model has no input ${input}; it has ${names}`)
    }
  }
  const chosen = inputs.map((input) => {
    const [source, ...others] = sources.filter((candidate) => candidate.input === input.name)
    if (source && others.length === 0) return { input, file: source.file, table: source.table }
    throw new UsageError(`give one file for each of the inputs ${names}: --data ${input.name}=FILE`)
  })
  return chosen.map(({ input, table, file }): Column => {
    const dims = rowDims(input, table.columns)
    const width = dims.reduce((product, extent) => product * extent, 1)
    if (width !== table.columns) {
      throw new UsageError(`${file} has ${table.columns} numbers in a row, ${input.name} takes ${width}`)
    }
    return { input, table, start: 0, width, dims }
  })
}

/**
 * The extents of an input's row: those after the first, or all where there is no batch. One of them may be open if the row's
 * size is known.
 */
function rowDims({ name, dims, isWhole }: InputShape, size: number | undefined): number[] {
  const row = isWhole ? dims : dims.slice(1)
  const known = row.filter((extent) => typeof extent === 'number')
  const product = known.reduce((product, extent) => product * extent, 1)
  if (row.length - known.length > (size === undefined ? 0 : 1)) {
    throw new UsageError(
      `the model leaves more than one extent of ${name} open ([${dims.join(', ')}]): give it a file of its own, --data ${name}=FILE, or train from a program`,
    )
  }
  return row.map((extent) => (typeof extent === 'number' ? extent : Math.floor((size ?? 0) / product)))
}

/** The least and the largest value of an element type, and whether values between whole numbers are left out. */
const ranges: Readonly<
  Record<string, readonly [least: number | bigint, largest: number | bigint, isWhole: boolean]>
> = {
  float32: [-3.4028234663852886e38, 3.4028234663852886e38, false],
  float64: [-Number.MAX_VALUE, Number.MAX_VALUE, false],
  int32: [-(2 ** 31), 2 ** 31 - 1, true],
  int64: [-(2n ** 63n), 2n ** 63n - 1n, true],
  uint8: [0, 255, true],
  bool: [0, 1, true],
}

/** Checks all numbers before any step: one that stops a training would otherwise be met after hours, or be trained on. */
function checkValues({ input: { name, type }, table, start, width }: Column): void {
  const range = ranges[type]
  if (!range)
    throw new UsageError(`input ${name} has elements of type ${type}, which data files cannot provide`)
  const [least, largest, isWhole] = range
  const { values, columns, rows } = table
  for (let row = 0; row < rows; row++) {
    for (let i = start; i < start + width; i++) {
      const value = values[row * columns + i]!
      // A NaN is in no range.
      if (
        value >= least &&
        value <= largest &&
        !(isWhole && typeof value === 'number' && !Number.isInteger(value))
      )
        continue
      const wanted = isWhole ? 'whole numbers' : 'finite numbers'
      const limits = type === 'uint8' || type === 'bool' ? ` from ${least} to ${largest}` : ''
      throw new UsageError(
        `${table.placeOf(row)}: column ${i + 1} is ${value}; input ${name} takes ${wanted}${limits} (${type})`,
      )
    }
  }
}

/** Gathers rows of a dataset as tensors for one step. */
export function gather(dataset: Dataset, rows: ArrayLike<number>): Record<string, Feed> {
  return Object.fromEntries(
    dataset.columns.map(({ input, table, start, width, dims }): [string, Feed] => {
      const data = arrays[input.type]!(rows.length * width)
      for (let row = 0; row < rows.length; row++) {
        const from = rows[row]! * table.columns + start
        for (let i = 0; i < width; i++) put(data, row * width + i, table.values[from + i]!)
      }
      const batch = input.isWhole ? [] : [rows.length]
      return [input.name, { type: input.type, dims: [...batch, ...dims], data }]
    }),
  )
}

function put(data: FeedData, place: number, value: number | bigint): void {
  if (data instanceof BigInt64Array) data[place] = BigInt(value)
  else data[place] = Number(value)
}
