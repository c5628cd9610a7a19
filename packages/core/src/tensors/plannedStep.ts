import type { ElementType } from '../dtype.js'
import { planStep, type StepPlan } from '../step/plan.js'
import type { RestOfModel } from '../transformation/namesInOptions.js'
import type { Transformation } from '../transformation/types.js'
import { AccumulatingStep } from './accumulatingStep.js'
import type { TensorBackend } from './backend.js'
import { createUpdateStep, type TensorInfo, type TensorStep } from './step.js'

/**
 * Creates the step of a transformation over tensors of a framework, as a function of its state: for frameworks whose
 * optimisers are functions. If they are objects with a state, use {@link createTensorOptimizer}.
 *
 * @param transformation the result of `inducedMetric`
 * @param parameters names, shapes and element types
 * @param backend the framework's operations
 * @param output the result of a step for each parameter: its new value (`parameter`), or Δθ, to be added to it (`update`)
 * @param rest the other parameters of the model, if options may name them
 * @throws ERR_OPTION for an invalid option or a name used twice
 */
export function createTensorStep<T extends object>(
  transformation: Transformation,
  parameters: readonly TensorInfo[],
  backend: TensorBackend<T>,
  output: 'parameter' | 'update',
  rest?: RestOfModel,
): TensorStep<T> {
  const dtypes = parameters.map(({ dtype }) => dtype)
  return createPlannedStep(planStep(transformation, parameters, rest), dtypes, backend, output)
}

/** Creates the step of a plan, given the element types of its parameters. */
export function createPlannedStep<T extends object>(
  plan: StepPlan,
  dtypes: readonly ElementType[],
  backend: TensorBackend<T>,
  output: 'parameter' | 'update',
): TensorStep<T> {
  const step = createUpdateStep(plan, dtypes, backend, output)
  return plan.transformation.accumulate > 1
    ? new AccumulatingStep(step, { plan, dtypes, backend, output })
    : step
}
