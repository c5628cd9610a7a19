import type { ElementType } from '../dtype.js'
import { optionError, shapeError, show, type InducedMetricError } from '../errors.js'
import { sizeOf } from '../shape.js'
import { checkGradientCount } from '../step/checks.js'
import type { StepPlan } from '../step/plan.js'
import type { ParameterInfo } from '../transformation/types.js'
import type { TensorBackend } from './backend.js'

/** Throws ERR_SHAPE unless there is a gradient, or null, of the right shape and type for every parameter of a plan. */
export function checkGradients<T>(
  { parameters }: StepPlan,
  dtypes: readonly ElementType[],
  gradients: readonly (T | null)[],
  backend: TensorBackend<T>,
): void {
  checkGradientCount(gradients, parameters.length)
  parameters.forEach((parameter, index) => {
    const gradient: unknown = gradients[index]
    if (gradient === null) return
    const refuse = (must: string, given: unknown): never => {
      throw shapeError(
        `the gradient of parameter ${show(parameter.name)} must be ${must}, given ${show(given)}`,
      )
    }
    if (typeof gradient !== 'object') refuse('a tensor or null', gradient)
    checkShape('the gradient of parameter', parameter, backend.shape(gradient as T))
    const dtype = backend.dtype(gradient as T)
    if (dtype !== dtypes[index]) refuse(`of ${dtypes[index]}`, dtype)
  })
}

/** Throws ERR_SHAPE unless a tensor has the shape of its parameter. */
export function checkShape(what: string, { name, shape }: ParameterInfo, given: readonly number[]): void {
  if (isSameShape(shape, given)) return
  throw shapeError(
    `${what} ${show(name)} must be of shape [${shape.join(', ')}], given [${given.join(', ')}] (${sizeOf(given)} elements)`,
  )
}

export function isSameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((extent, axis) => extent === b[axis])
}

/** The error of a step that reads a parameter which it was not given. */
export function parameterRequired(plan: StepPlan, index: number): InducedMetricError {
  const { name } = plan.parameters[index]!
  return optionError(
    `the step reads the parameters (for weight decay, or in its base): pass them, ${show(name)} among them`,
  )
}
