import type { Transformation } from '@induced-metric/core'
import { checkOptions, createTensorOptimizer, withGroups, type GroupOf, type TensorOptimizer } from '@induced-metric/core/adapter'
import type { Tensor } from './tensor.js'
import { tensors } from './tensors.js'

/** FILL IN: a variable that is trained. Put the framework's own variables or parameters here. */
export interface Variable {
  /** The same in every process: checkpoints find variables by it. */
  readonly name: string
  value: Tensor
}

/** The options of {@link inducedOptimizer}. */
export interface InducedOptimizerOptions {
  /** The label of a variable's group, for `groups` of the transformation; `undefined` for none. */
  readonly groupOf?: GroupOf
}

/**
 * Creates an induced-metric optimiser for tensors of __name__. FILL IN: give it the form that optimisers have in the
 * framework (a class to extend, a pair of functions); this one is `step(gradients, { loss })`. For functions that take a
 * state and return the next one, use the core's `createTensorStep`.
 *
 * @param variables the variables to train. Every step sets those that have a gradient to a new tensor and frees the old one
 * @param transformation what `inducedMetric` returned
 * @returns the optimiser; call its `dispose` when done
 * @throws ERR_OPTION for a wrong option, or when the transformation doesn't fit the variables
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
  options: InducedOptimizerOptions = {},
): TensorOptimizer<Tensor> {
  checkOptions('inducedOptimizer', options, { groupOf: 'function' })
  const parameters = variables.map((variable) => ({
    name: variable.name,
    shape: tensors.shape(variable.value),
    get: () => variable.value,
    set(value: Tensor) {
      tensors.dispose?.(variable.value)
      variable.value = value
    },
  }))
  return createTensorOptimizer(transformation, withGroups(parameters, options.groupOf), tensors)
}
