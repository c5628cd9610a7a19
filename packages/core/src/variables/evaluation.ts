import { withLearningRate } from '../step/learningRate.js'
import type { StepPlan } from '../step/plan.js'
import { extentScalars, profileScalars } from '../step/scalarInputs.js'
import { evaluateGraph } from '../tensors/evaluate.js'
import { isReshaped, tensorShape } from '../tensors/tensorShape.js'
import type { VariableBackend } from './backend.js'
import { createConstants } from './constants.js'
import { createOperations } from './operations.js'
import type { State } from './state.js'

/** Weights to evaluate with, in place of a variable's own values. */
export interface EvaluationWeights<T> {
  readonly variable: T
  /** A new tensor, which is kept. */
  readonly weights: T
}

const outputs = ['evaluation']

/**
 * The weights to evaluate with, of those variables for which they are others than their own values. Variables that the framework
 * no longer has are left out.
 */
export function evaluationWeights<T extends object>(
  given: StepPlan,
  backend: VariableBackend<T>,
  state: State<T>,
): EvaluationWeights<T>[] {
  const plan = withLearningRate(given, state.learningRate)
  const profiles = plan.profiles.map((profile) => profileScalars({}, profile, Math.max(state.step, 1)))
  const existing = new Set(backend.variables().map(({ name }) => name))
  const constants = createConstants(backend)
  const operations = createOperations(backend, constants)
  try {
    return plan.parameters.flatMap((parameter) => {
      const { name, shape, evaluation: graph, profile } = parameter
      const steps = state.stepsOf(name)
      if (graph === undefined || steps === 0 || !existing.has(name)) return []
      const variable = backend.variable(name)
      const scalars = extentScalars({ ...profiles[profile], step: steps }, parameter)
      const weights = backend.scope(() => {
        const slots = state.slotsOf(name)
        const supply = (input: string): T | number | undefined => {
          if (input.startsWith('slot.')) return slots[input.slice('slot.'.length)]
          if (input !== 'parameter') return scalars[input]
          return isReshaped(parameter) ? backend.reshape(variable, tensorShape(parameter)) : variable
        }
        const made = evaluateGraph(graph, outputs, operations, supply).own('evaluation') as T
        const own = isReshaped(parameter) ? backend.reshape(made, shape) : made
        // New values, as slots may be updated in place.
        return backend.keep(backend.lowering.add(own, backend.scalar(0)))
      })
      return [{ variable, weights }]
    })
  } finally {
    constants.dispose()
  }
}
