import { compileScalars } from '../graph/hostScalars.js'
import type { StepPlan } from './plan.js'
import { profileScalars, shapeScalars } from './scalarInputs.js'

/** The initial value of each slot of a parameter, by name. Every element of the slot starts from it. */
export type InitialSlots = Readonly<Record<string, number>>

/** The initial slots of each parameter. */
export function initialSlots(plan: StepPlan): InitialSlots[] {
  const scalars = plan.profiles.map((profile) => profileScalars({}, profile, 1))
  return plan.parameters.map(({ graph, profile, shape }) => {
    const evaluate = compileScalars(
      graph,
      graph.slots.map((name) => `initial.${name}`),
    )
    const values = evaluate({ ...scalars[profile]!, ...shapeScalars({}, shape), step: 1 })
    return Object.fromEntries(graph.slots.map((name, i) => [name, values[i]!]))
  })
}
