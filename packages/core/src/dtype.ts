/** The element types of the arrays that an optimiser works on, by name. */
export type ElementType = 'float32' | 'float64'

/** The arrays that an optimiser works on. */
export type TypedArray = Float32Array | Float64Array

/**
 * The element type of an array that an optimiser can work on; `undefined` for every other value. In an array of another realm,
 * in which test runners load modules, `instanceof` fails: there it is read from the value's tag, which takes longer.
 */
export function elementType(value: unknown): ElementType | undefined {
  if (value instanceof Float32Array) return 'float32'
  if (value instanceof Float64Array) return 'float64'
  const tag = Object.prototype.toString.call(value)
  return tag === '[object Float32Array]' ? 'float32' : tag === '[object Float64Array]' ? 'float64' : undefined
}

/** An array of zeros. */
export function arrayOf(dtype: ElementType, length: number): TypedArray {
  return dtype === 'float64' ? new Float64Array(length) : new Float32Array(length)
}

/** The arrays of one parameter that are kept from step to step, by name. */
export type Slots = Readonly<Record<string, TypedArray>>
