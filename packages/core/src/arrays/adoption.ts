import type { TypedArray } from '../dtype.js'
import { shapeError, unsupported } from '../errors.js'
import { sizeOf } from '../shape.js'
import type { ParameterInfo } from '../transformation/types.js'

/** A parameter whose arrays the model can exchange: the values are in one array, or in one array per row. */
export interface AdoptableParameter extends ParameterInfo {
  /** The number of arrays: 1, or the number of rows. Together they hold the row-major values. */
  readonly rows: number
  /** Returns the array that the model uses for a row now: a Float32Array, or a plain array of numbers. */
  get(row: number): ArrayLike<number> | undefined
  /** Makes the model use another array, of the same length, for a row. */
  set(row: number, array: Float32Array): void
  /** Makes the model write the gradient to an array of the parameter's size, if the model can use one. */
  setGradient?(array: Float32Array): void
}

/** The memory that adopted parameters move to. */
export interface AdoptedMemory {
  /** The live values, by parameter. */
  readonly parameters: readonly { readonly data: TypedArray }[]
  /** The arrays to write gradients to, by parameter; empty if there are none. */
  readonly gradients: readonly { readonly data: TypedArray }[]
}

/**
 * The values of an adoptable parameter, in one array.
 *
 * @throws ERR_NOT_SUPPORTED for an array that is not in single precision; ERR_SHAPE for one of the wrong length
 */
export function valuesOf(parameter: AdoptableParameter): Float32Array {
  const { shape, rows } = parameter
  const size = sizeOf(shape)
  const data = new Float32Array(size)
  const width = size / Math.max(rows, 1)
  for (let row = 0; row < rows; row++) {
    const array = parameter.get(row)
    checkRow(parameter, array, width)
    data.set(array, row * width)
  }
  return data
}

/** Parameters in the memory of an optimiser: the model computes with the very arrays that the optimiser updates. */
export class Adoption {
  /** An array per parameter to write its gradient to. A step copies nothing from these. */
  gradients: readonly Float32Array[] = []
  readonly #parameters: readonly AdoptableParameter[]
  readonly #memory: AdoptedMemory
  /** The arrays that the model was given, by parameter and row. */
  #views: Float32Array[][] = []
  /** One of them that has elements. */
  #sample: Float32Array | undefined

  /**
   * Makes the model use the arrays of the memory.
   *
   * @param memory holds the parameters' values already
   */
  constructor(parameters: readonly AdoptableParameter[], memory: AdoptedMemory) {
    this.#parameters = parameters
    this.#memory = memory
    this.#issueViews()
  }

  /** Gives the model new views after the memory has grown: the old ones have no elements any more. */
  refresh(): void {
    if (this.#sample?.length === 0) this.#issueViews()
  }

  /**
   * Takes over the values of arrays that the model has replaced, and puts the views back in their place.
   *
   * @returns false, and nothing is taken over, if the model has replaced all arrays
   * @throws what {@link valuesOf} throws
   */
  reclaim(): boolean {
    this.refresh()
    let replaced = 0
    let total = 0
    for (let index = 0; index < this.#parameters.length; index++) {
      const parameter = this.#parameters[index]!
      const views = this.#views[index]!
      total += views.length
      for (let row = 0; row < views.length; row++) if (parameter.get(row) !== views[row]) replaced++
    }
    if (replaced === 0) return true
    if (replaced === total) return false
    this.#forEachRow((parameter, row, view) => {
      const array = parameter.get(row)
      if (array === view) return
      checkRow(parameter, array, view.length)
      view.set(array)
      parameter.set(row, view)
    })
    return true
  }

  /** Gives the model arrays of its own again, with the values that they have now. */
  release(): void {
    this.#forEachRow((parameter, row, view) => {
      if (parameter.get(row) === view) parameter.set(row, view.slice())
    })
    this.#parameters.forEach((parameter, index) => parameter.setGradient?.(this.gradients[index]!.slice()))
  }

  /** Puts views of the memory in the place of the model's first arrays, and later only of older views. */
  #issueViews(): void {
    const { parameters, gradients } = this.#memory
    const before = this.#views
    this.gradients = gradients.map(({ data }) => data as Float32Array)
    this.#views = this.#parameters.map(({ rows }, index) => rowsOf(parameters[index]!.data, rows))
    this.#sample = this.#views.flat().find(({ length }) => length > 0)
    this.#forEachRow((parameter, row, view, index) => {
      const old = before[index]?.[row]
      if (old === undefined || parameter.get(row) === old) parameter.set(row, view)
    })
    this.#parameters.forEach((parameter, index) => parameter.setGradient?.(this.gradients[index]!))
  }

  #forEachRow(
    visit: (parameter: AdoptableParameter, row: number, view: Float32Array, index: number) => void,
  ): void {
    this.#parameters.forEach((parameter, index) => {
      this.#views[index]!.forEach((view, row) => visit(parameter, row, view, index))
    })
  }
}

function checkRow(
  { name, shape }: AdoptableParameter,
  array: unknown,
  width: number,
): asserts array is ArrayLike<number> {
  if (!(array instanceof Float32Array) && !Array.isArray(array)) {
    throw unsupported(
      `the weights of ${name} must be in arrays of single precision in this process's memory: models on a GPU, or with ` +
        'weights of another type, cannot be trained by this adapter',
    )
  }
  if (array.length === width) return
  throw shapeError(
    `the weights of ${name}, of shape [${shape.join(', ')}], must come in arrays of ${width} numbers, given ${array.length}`,
  )
}

function rowsOf(values: TypedArray, count: number): Float32Array[] {
  if (count === 1) return [values as Float32Array]
  const width = values.length / count
  return Array.from({ length: count }, (_, row) =>
    (values as Float32Array).subarray(row * width, (row + 1) * width),
  )
}
