import {
  createTensorOptimizer,
  type ParameterInfo,
  type TensorOptimizer,
  type Transformation,
} from '@induced-metric/core'
import { tensors, type Tensor } from './tensors.js'

/** FILL IN: what is trained. Put the framework's own variables or parameters here. */
export interface Variable {
  /** The same from process to process: checkpoints go by it. */
  readonly name: string
  value: Tensor
}

/** The options of {@link inducedOptimizer}. */
export interface InducedOptimizerOptions {
  /** The label of a variable's group, for `groups` of the transformation; `undefined` for none. */
  readonly groupOf?: (parameter: ParameterInfo) => string | undefined
}

/**
 * Makes an induced-metric optimiser for tensors of __name__. FILL IN: give it the form that optimisers have in the
 * framework (a class to extend, a pair of functions); this one is `step(gradients, { loss })`.
 *
 * @param variables what is trained; every step sets those that have a gradient to a new tensor, and frees the old one
 * @param transformation what `inducedMetric` returned
 * @returns the optimiser; dispose of it when done
 * @throws ERR_OPTION when the transformation doesn't fit the variables
 *
 * @example
 * ```ts no-run
 * import { adam, inducedMetric } from '@induced-metric/core'
 * import { inducedOptimizer, type Tensor, type Variable } from '@induced-metric/__name__'
 *
 * declare const variables: Variable[]
 * declare const gradients: Tensor[]
 * const optimizer = inducedOptimizer(variables, inducedMetric(adam(), { learningRate: 0.01 }))
 * optimizer.step(gradients)
 * ```
 */
export function inducedOptimizer(
  variables: readonly Variable[],
  transformation: Transformation,
  { groupOf }: InducedOptimizerOptions = {},
): TensorOptimizer<Tensor> {
  const parameters = variables.map((variable) => {
    const info = { name: variable.name, shape: tensors.shape(variable.value) }
    const group = groupOf?.(info)
    return {
      ...info,
      ...(group === undefined ? {} : { group }),
      get: () => variable.value,
      set(value: Tensor) {
        tensors.dispose?.(variable.value)
        variable.value = value
      },
    }
  })
  return createTensorOptimizer(transformation, parameters, tensors)
}
