import { elementType, type TypedArray } from '../dtype.js'
import { isList, optionError, shapeError, show, type InducedMetricError } from '../errors.js'
import { sizeOf } from '../shape.js'
import { checkGradientCount } from '../step/checks.js'
import type { OptimizerParameter, Parameter } from './types.js'

/** Throws ERR_OPTION unless parameters are given as an array. */
export function checkList(parameters: unknown): void {
  if (isList(parameters)) return
  throw optionError(`parameters must be an array, given ${show(parameters)}`)
}

/** Throws ERR_SHAPE unless the arrays have a type that an optimiser works on, and the sizes of their shapes. */
export function checkData(parameters: readonly Parameter[]): void {
  for (const { name, shape, data } of parameters) {
    if (elementType(data) === undefined) {
      throw shapeError(
        `parameter ${show(name)}: data must be a Float32Array or Float64Array, given ${show(data)}`,
      )
    }
    const size = sizeOf(shape)
    if (data.length === size) continue
    throw shapeError(
      `parameter ${show(name)}: shape [${shape.join(', ')}] has ${size} elements, data has ${data.length}`,
    )
  }
}

/** Throws ERR_SHAPE when two parameters have elements in common: each would undo the other's update. */
export function checkApart(parameters: readonly OptimizerParameter[]): void {
  const byBuffer = new Map<ArrayBufferLike, OptimizerParameter[]>()
  for (const parameter of parameters) {
    const { buffer, length } = parameter.data
    const others = byBuffer.get(buffer)
    if (length === 0) continue
    if (others) others.push(parameter)
    else byBuffer.set(buffer, [parameter])
  }
  for (const sharers of byBuffer.values()) {
    sharers.sort((a, b) => a.data.byteOffset - b.data.byteOffset)
    for (let i = 1; i < sharers.length; i++) {
      const [before, after] = [sharers[i - 1]!, sharers[i]!]
      if (before.data.byteOffset + before.data.byteLength <= after.data.byteOffset) continue
      throw shapeError(
        `parameters ${show(before.name)} and ${show(after.name)} share elements of one array; give weights that are ` +
          'tied once, with the sum of their gradients',
      )
    }
  }
}

/** The error of a parameter whose array has become empty, as one does that is transferred to another thread. */
function detachedError({ name }: OptimizerParameter, length: number, size: number): InducedMetricError {
  return shapeError(
    `parameter ${show(name)} has ${length} of its ${size} elements: its array was transferred or its memory has grown. ` +
      'Create an optimiser of the arrays that there are now, and load what save() returns',
  )
}

/**
 * Throws ERR_SHAPE unless each gradient is null or has its parameter's length and element type, and the parameters have
 * their elements.
 *
 * @param own the arrays of the engine: the parameters' as they are now, and its own for gradients, which always fit
 */
export function checkGradients(
  gradients: readonly (TypedArray | null)[],
  parameters: readonly OptimizerParameter[],
  own: { readonly parameters: readonly TypedArray[]; readonly gradients: readonly TypedArray[] },
): void {
  const { parameters: current, gradients: fittings } = own
  checkGradientCount(gradients, current.length)
  // Over the parameters: a loop over the gradients would skip holes.
  for (let index = 0; index < current.length; index++) {
    const gradient: unknown = gradients[index]
    const fitting = fittings[index]!
    const { length: size } = current[index]!
    if (size !== fitting.length) throw detachedError(parameters[index]!, size, fitting.length)
    if (gradient === null || gradient === fitting) continue
    if (elementType(gradient) !== elementType(fitting)) {
      throw shapeError(
        `the gradient of parameter ${show(parameters[index]!.name)} must be a ${fitting.constructor.name} or null, ` +
          `given ${show(gradient)}`,
      )
    }
    const { length } = gradient as TypedArray
    if (length === fitting.length) continue
    throw shapeError(
      `the gradient of parameter ${show(parameters[index]!.name)} must have ${fitting.length} elements, given ${length}`,
    )
  }
}
