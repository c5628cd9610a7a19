import { InducedMetricError } from '@induced-metric/core'
import type { NamedTensor, NamedTensorMap, Tensor, TensorFlow, Variable } from './namespace.js'

/** A variable and its gradient, if it has one. */
export interface VariableGradient {
  readonly variable: Variable
  readonly gradient: Tensor | null
}

/**
 * Pairs gradients with the variables they are for.
 *
 * @throws ERR_SHAPE when there is no such variable, or a gradient differs from it in shape or type
 */
export function pairGradients(tf: TensorFlow, gradients: NamedTensorMap | NamedTensor[]): VariableGradient[] {
  const entries: readonly { readonly name: string; readonly tensor: Tensor | null | undefined }[] =
    Array.isArray(gradients)
      ? gradients
      : Object.entries(gradients).map(([name, tensor]) => ({ name, tensor }))
  return entries.map(({ name, tensor }) => {
    const variable = variableNamed(tf, name)
    const gradient = tensor ?? null
    if (
      gradient !== null &&
      (gradient.dtype !== 'float32' || gradient.shape.join() !== variable.shape.join())
    ) {
      throw new InducedMetricError(
        'ERR_SHAPE',
        `the gradient of variable ${name} must be float32 of shape [${variable.shape.join(', ')}], ` +
          `given ${gradient.dtype} of shape [${gradient.shape.join(', ')}]`,
      )
    }
    return { variable, gradient }
  })
}

/** The variable of a name. Throws ERR_SHAPE when there is none, or none that can be trained. */
export function variableNamed(tf: TensorFlow, name: string): Variable {
  const variable = tf.engine().registeredVariables[name]
  if (variable === undefined) {
    throw new InducedMetricError(
      'ERR_SHAPE',
      `there is no variable named ${name}: gradients go by variable name`,
    )
  }
  if (variable.dtype !== 'float32') {
    throw new InducedMetricError(
      'ERR_SHAPE',
      `variable ${name} must be float32 to be trained, it is ${variable.dtype}`,
    )
  }
  return variable
}
