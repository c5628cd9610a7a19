import { shapeError, show, type VariableGradient } from '@induced-metric/core/adapter'
import { isTensor, showTensor } from './checks.js'
import type { NamedTensor, NamedTensorMap, Tensor, TensorFlow, Variable } from './namespace.js'

/**
 * Pairs gradients with their variables.
 *
 * @throws ERR_SHAPE when there is no such variable, when it is named twice, or when its gradient is not a tensor of its
 *   shape and type
 */
export function pairGradients(
  tf: TensorFlow,
  gradients: NamedTensorMap | NamedTensor[],
): VariableGradient<Tensor>[] {
  if (typeof gradients !== 'object' || gradients === null)
    throw shapeError(
      `gradients must be an object of tensors by variable name, or an array of { name, tensor }, given ${show(gradients)}`,
    )
  const entries: readonly (Partial<NamedTensor> | null)[] = Array.isArray(gradients)
    ? gradients
    : Object.entries(gradients).map(([name, tensor]) => ({ name, tensor }))
  const names = new Set<string>()
  return entries.map((entry) => {
    const name = entry?.name
    if (typeof name !== 'string')
      throw shapeError(`a gradient must be { name, tensor }, given ${show(entry)}`)
    if (names.has(name)) throw shapeError(`there are two gradients of variable ${name}: add them up`)
    names.add(name)
    const variable = variableNamed(tf, name)
    const gradient: unknown = entry!.tensor ?? null
    const { shape } = variable
    if (gradient === null) return { name, shape, variable, gradient }
    if (isTensor(tf, gradient) && gradient.dtype === 'float32' && gradient.shape.join() === shape.join())
      return { name, shape, variable, gradient }
    throw shapeError(
      `the gradient of variable ${name} must be float32 of shape [${shape.join(', ')}], ` +
        `given ${showTensor(tf, gradient)}`,
    )
  })
}

/** The variable of that name. Throws ERR_SHAPE when there is none, or when it cannot be trained. */
export function variableNamed(tf: TensorFlow, name: string): Variable {
  const variable = tf.engine().registeredVariables[name]
  if (variable === undefined) {
    throw shapeError(`there is no variable named ${name}: gradients go by variable name`)
  }
  if (variable.dtype !== 'float32') {
    throw shapeError(`variable ${name} must be float32 to be trained, it is ${variable.dtype}`)
  }
  return variable
}
