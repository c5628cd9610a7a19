import { arrayOf, elementType, type Slots, type TypedArray } from '../../dtype.js'
import type { StepPlan } from '../../step/plan.js'
import { extentScalars, profileScalars } from '../../step/scalarInputs.js'
import { compilePass, Scratch } from './interpreter.js'

/** The arrays and counts of a parameter after a step. */
export interface EvaluatedParameter {
  readonly parameter: TypedArray
  readonly slots: Slots
  /** The number of steps that updated it. */
  readonly steps: number
  /** The number of steps taken. */
  readonly step: number
}

/**
 * The weights to evaluate a model with, for one of its parameters.
 *
 * @returns a new array; `undefined` where they are the parameter itself, as before its first step
 */
export function evaluationWeights(
  plan: StepPlan,
  index: number,
  { parameter, slots, steps, step }: EvaluatedParameter,
): TypedArray | undefined {
  const planned = plan.parameters[index]!
  const { evaluation, profile, graph } = planned
  if (!evaluation || steps === 0) return undefined
  const dtype = elementType(parameter)!
  const scalars = profileScalars({}, plan.profiles[profile]!, Math.max(step, 1))
  extentScalars(scalars, planned)['step'] = steps
  const tensors: Record<string, TypedArray> = { parameter }
  for (const [name, slot] of Object.entries(slots)) {
    if (graph.slotShapes[name] === 'scalar') scalars[`slot.${name}`] = slot[0]!
    else tensors[`slot.${name}`] = slot
  }
  const result = arrayOf(dtype, parameter.length)
  const pass = compilePass(evaluation, ['evaluation'], new Scratch(dtype))
  pass.run(planned, tensors, scalars, { evaluation: result })
  return result
}
