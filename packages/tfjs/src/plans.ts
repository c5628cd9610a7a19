import type { ParameterInfo, Transformation } from '@induced-metric/core'
import {
  planStep,
  raiseEpsilons,
  withGroups,
  type GroupOf,
  type StepPlan,
} from '@induced-metric/core/adapter'
import { forVariables } from './names.js'
import type { TensorFlow } from './namespace.js'
import { warn } from './platform.js'
import { isHalfPrecision, leastHalfEpsilon } from './precision.js'

/** The plans of one optimiser: one for each set of variables that it trains together. */
export interface Plans {
  /**
   * The plan for a set of variables, which is recorded when the set is first seen.
   *
   * @throws what `planStep` throws
   */
  of(variables: readonly Pick<ParameterInfo, 'name' | 'shape'>[]): StepPlan
}

/** @param groupOf returns the function that is the optimiser's `groupOf` now */
export function createPlans(
  tf: TensorFlow,
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
    const registered = Object.values(tf.engine().registeredVariables)
    const infos = registered.map(({ name, shape }) => ({ name, shape: [...shape] }))
    return [...known.values(), ...withGroups(infos, tolerant)]
  }

  /** Adapts a plan to the precision of the backend. */
  const fitted = (given: StepPlan): StepPlan => {
    if (!isHalfPrecision(tf)) return given
    const { plan, raised } = raiseEpsilons(given, leastHalfEpsilon)
    if (!isWarned) {
      warn(
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
        // Kernels of layers are in × out.
        variables.map(({ name, shape }) => ({ name, shape: [...shape], rowsAre: 'inputs' })),
        groupOf(),
      )
      const keys = infos.map(({ name, shape, group }) => `${name} ${shape.join()} ${group}`)
      const key = `${isHalfPrecision(tf)}\n${keys.join('\n')}`
      const found = plans.get(key)
      if (found) return found
      const names = infos.map(({ name }) => name)
      const named = forVariables(transformation, names, () => others().map(({ name }) => name))
      const plan = fitted(planStep(named, infos, { others }))
      plans.set(key, plan)
      for (const info of infos) known.set(info.name, info)
      return plan
    },
  }
}
