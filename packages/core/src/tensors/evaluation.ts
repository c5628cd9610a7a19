import type { ElementType } from '../dtype.js'
import { withLearningRate } from '../step/learningRate.js'
import type { StepPlan } from '../step/plan.js'
import { extentScalars, profileScalars } from '../step/scalarInputs.js'
import type { TensorBackend } from './backend.js'
import { functionOf, variantOf } from './functionCache.js'
import { createGivenTensors, inOwnShape } from './givenTensors.js'
import { splitNumbers, type TensorState } from './state.js'
import { createScalarTensors } from './tensorFunction.js'

/** A state, and the tensors of its parameters. */
interface Evaluated<T> {
  readonly plan: StepPlan
  readonly dtypes: readonly ElementType[]
  readonly backend: TensorBackend<T>
  readonly values: readonly T[]
  readonly state: TensorState<T>
}

/**
 * The weights to evaluate with, as new tensors.
 *
 * @returns by parameter; `undefined` where they are the parameter itself, as before its first step
 */
export function evaluationTensors<T extends object>(given: Evaluated<T>): (T | undefined)[] {
  const { dtypes, backend, values, state } = given
  const numbers = splitNumbers(given.plan, state.numbers)
  const plan = withLearningRate(given.plan, numbers.learningRate)
  const profiles = plan.profiles.map((profile) => profileScalars({}, profile, Math.max(numbers.step, 1)))
  const constants = createScalarTensors(backend)
  const tensors = createGivenTensors({ plan, dtypes, backend, values, slots: state.slots })
  const made: (T | undefined)[] = []
  try {
    plan.parameters.forEach((parameter, index) => {
      const { evaluation: graph, profile } = parameter
      const step = numbers.steps[index]!
      if (graph === undefined || step === 0) return
      const scalars = extentScalars({ ...profiles[profile], step }, parameter)
      const compute = functionOf(backend, variantOf(graph)(scalars), ['evaluation'])
      const { evaluation } = compute({
        tensor: (name) => tensors.at(index, name),
        numbers: scalars,
        scalars: constants,
        dtype: dtypes[index]!,
      })
      made[index] = inOwnShape(backend, parameter, evaluation as T)
    })
    return plan.parameters.map((_, index) => made[index])
  } catch (error) {
    for (const tensor of made) if (tensor) backend.dispose?.(tensor)
    throw error
  } finally {
    constants.dispose()
    tensors.dispose()
  }
}
