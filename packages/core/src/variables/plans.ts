import { raiseEpsilons } from '../step/epsilons.js'
import { planStep, type StepPlan } from '../step/plan.js'
import { withGroups, type GroupOf } from '../transformation/groups.js'
import type { ParameterInfo, Transformation } from '../transformation/types.js'
import type { VariableBackend, VariableInfo } from './backend.js'
import { forVariables } from './names.js'

/**
 * The least ε in half precision, which TensorFlow.js also uses for its own optimisers there. The smallest number of half precision is 6e-8, and many devices take anything below 6e-5
 * for 0.
 */
const leastHalfEpsilon = 1e-4

/** The plans of one optimiser: one for each set of variables that it trains together. */
export interface Plans {
  /**
   * The plan for a set of variables, which is recorded when the set is first seen.
   *
   * @throws what `planStep` throws
   */
  of(variables: readonly VariableInfo[]): StepPlan
}

/** @param groupOf returns the function that is the optimiser's `groupOf` now */
export function createPlans<T extends object>(
  backend: VariableBackend<T>,
  transformation: Transformation,
  groupOf: () => GroupOf | undefined,
): Plans {
  const plans = new Map<string, StepPlan>()
  /** The variables of all plans so far, by name. */
  const known = new Map<string, ParameterInfo>()
  let isWarned = false

  /** The variables that options may name beside those at hand: those trained before, and all that are registered. */
  const others = (): ParameterInfo[] => {
    const current = groupOf()
    const tolerant: GroupOf = (parameter) => {
      try {
        return current?.(parameter)
      } catch {
        // The function need not accept variables that are not this optimiser's.
        return undefined
      }
    }
    return [...known.values(), ...withGroups(backend.variables(), tolerant)]
  }

  /** Adapts a plan to the precision of the backend. */
  const fitted = (given: StepPlan): StepPlan => {
    if (!backend.isHalfPrecision()) return given
    const { plan, raised } = raiseEpsilons(given, leastHalfEpsilon)
    if (!isWarned) {
      backend.warn(
        'this backend computes in half precision, where numbers below 6e-5 are inexact or 0 and those above 65504 infinite: ' +
          `small learning rates and squares of small gradients are lost${raised.length > 0 ? `, and ${raised.join(' and ')} is ${leastHalfEpsilon} instead of less` : ''}`,
      )
    }
    isWarned = true
    return plan
  }

  return {
    of(variables) {
      const infos = withGroups<ParameterInfo>(
        variables.map(({ name, shape }) => ({ name, shape: [...shape], rowsAre: backend.rowsAre })),
        groupOf(),
      )
      const keys = infos.map(({ name, shape, group }) => `${name} ${shape.join()} ${group}`)
      const key = `${backend.isHalfPrecision()}\n${keys.join('\n')}`
      const found = plans.get(key)
      if (found) return found
      const names = infos.map(({ name }) => name)
      const otherNames = (): string[] => others().map(({ name }) => name)
      const named = forVariables(transformation, names, otherNames, backend.stemOf)
      const plan = fitted(planStep(named, infos, { others }))
      plans.set(key, plan)
      for (const info of infos) known.set(info.name, info)
      return plan
    },
  }
}
