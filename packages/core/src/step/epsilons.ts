import type { Scheduled } from '../transformation/hyperparameter.js'
import type { Profile, StepPlan } from './planned.js'

/** A plan for arithmetic of lower precision. */
export interface RaisedPlan {
  readonly plan: StepPlan
  /** The hyperparameters that were raised, as `adam.epsilon`. */
  readonly raised: readonly string[]
}

/**
 * A plan for arithmetic that rounds small numbers to 0, such as half precision: every hyperparameter that keeps a
 * denominator away from 0 (`isEpsilon`) is at least `least`. An ε of plain 0 is intentional, and stays.
 *
 * @param least > 0: the least denominator that the arithmetic can divide by
 */
export function raiseEpsilons(plan: StepPlan, least: number): RaisedPlan {
  const raised = new Set<string>()
  const profiles = plan.profiles.map((profile): Profile => {
    const { base } = profile
    const specs = base.definition.hyperparameters ?? {}
    const values = { ...base.hyperparameters }
    for (const [key, spec] of Object.entries(specs)) {
      if (spec.kind !== 'number' || !spec.isEpsilon) continue
      const value = values[key] as Scheduled
      if (typeof value === 'number' && (value === 0 || value >= least)) continue
      values[key] = typeof value === 'number' ? least : (step: number) => Math.max(value(step), least)
      raised.add(`${base.name}.${key}`)
    }
    return { ...profile, base: { ...base, hyperparameters: values } }
  })
  return raised.size === 0 ? { plan, raised: [] } : { plan: { ...plan, profiles }, raised: [...raised] }
}
