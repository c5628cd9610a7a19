import { optionError, shapeError, show } from '@induced-metric/core/adapter'
import { dataType, elementTypeOf } from '../proto/dataType.js'
import type { Model } from '../proto/model.js'
import type { TensorProto } from '../proto/onnx_pb.js'
import { createTensor } from '../proto/tensor.js'
import type { TensorData } from '../proto/tensorData.js'
import { typeOf, type Extent } from '../rewrite/valueTypes.js'
import { describeShape } from './losses.js'

type Numbers = TensorData | BigUint64Array | Uint32Array | readonly (number | bigint | boolean)[]

/** A value that takes the place of an input: a scalar, the elements, or the elements and their extents. */
export type BoundValue =
  | number
  | bigint
  | boolean
  | Numbers
  | { readonly data: Numbers; readonly dims: readonly number[] }

/** Values of inputs by name, as in `{ sr: 16000n }`. */
export type BoundInputs = Readonly<Record<string, BoundValue>>

/**
 * Gives inputs of a model fixed values: they become constants.
 *
 * @param model is changed
 * @returns the names of the new constants
 * @throws ERR_OPTION for an input that the model does not have, or elements that its type cannot hold; ERR_SHAPE for
 *   values of another size or shape
 */
export function bindInputs(model: Model, bound: BoundInputs): string[] {
  if (typeof bound !== 'object' || bound === null) {
    throw optionError('bind takes values by input, as { sr: 16000n }')
  }
  const { graph } = model
  for (const [name, value] of Object.entries(bound)) {
    const input = graph.input.find((given) => given.name === name)
    if (!input) {
      const names = graph.input.map((given) => given.name).join(', ')
      throw optionError(`bind: the model has no input ${JSON.stringify(name)}; it has ${names}`)
    }
    const { dataType: type = dataType.float, shape } = typeOf(input)
    graph.input = graph.input.filter((given) => given !== input)
    graph.initializer.push(tensorOf(name, type, shape, value))
  }
  return Object.keys(bound)
}

function tensorOf(
  name: string,
  type: number,
  shape: readonly Extent[] | undefined,
  value: BoundValue,
): TensorProto {
  const what = `bind: the value of ${JSON.stringify(name)}`
  const isTensor = typeof value === 'object' && 'dims' in value && 'data' in value
  const given: unknown = isTensor ? value.data : value
  const isScalar = ['number', 'bigint', 'boolean'].includes(typeof given)
  const isList = Array.isArray(given) || (ArrayBuffer.isView(given) && !(given instanceof DataView))
  if (!isScalar && !isList) {
    throw optionError(`${what} must be a number, numbers, or { data, dims }, given ${show(value)}`)
  }
  const elements = isScalar ? [given as number] : Array.from(given as ArrayLike<number | bigint>)
  const dims = isTensor ? [...value.dims] : inferredDims(what, shape, elements.length, isScalar)
  const size = dims.reduce((a, b) => a * b, 1)
  const fits =
    shape === undefined ||
    (shape.length === dims.length &&
      shape.every((extent, axis) => typeof extent !== 'number' || extent === dims[axis]))
  if (size !== elements.length || !fits) {
    throw shapeError(
      `${what} must be ${describeShape(shape)}, given ${elements.length} numbers as [${dims.join(', ')}]`,
    )
  }
  return createTensor(name, dims, type, converted(what, type, elements))
}

function inferredDims(
  what: string,
  shape: readonly Extent[] | undefined,
  count: number,
  isScalar: boolean,
): number[] {
  if (shape?.length === 1) return [count]
  if (shape?.every((extent) => typeof extent === 'number')) return [...(shape as number[])]
  if (isScalar && shape?.every((extent) => typeof extent !== 'number' || extent === 1))
    return shape.map(() => 1)
  if (shape === undefined) return isScalar ? [] : [count]
  throw shapeError(`${what} must be ${describeShape(shape)}; give { data, dims }`)
}

function converted(what: string, type: number, elements: readonly (number | bigint | boolean)[]): TensorData {
  const { array, name } = elementTypeOf(type)
  const isBig = type === dataType.int64 || type === dataType.uint64
  const isReal = type === dataType.float || type === dataType.double
  if (type === dataType.float16 || type === dataType.bfloat16) {
    throw optionError(`${what}: inputs of ${name} cannot be bound`)
  }
  const data = new array(new ArrayBuffer(elements.length * elementTypeOf(type).bytes))
  elements.forEach((element, i) => {
    const number = Number(element)
    if (!isReal && !Number.isInteger(number)) {
      throw optionError(`${what} must be of ${name}, given ${show(element)}`)
    }
    data[i] = isBig ? BigInt(element) : number
    if (!isReal && Number(data[i]) !== number) {
      throw optionError(`${what} must be of ${name}, and ${show(element)} is out of its range`)
    }
  })
  return data
}
