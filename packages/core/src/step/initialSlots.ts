import { arrayOf, type ElementType, type TypedArray } from '../dtype.js'
import { compileScalars } from '../graph/hostScalars.js'
import { sizeOf } from '../shape.js'
import type { PlannedParameter, StepPlan } from './planned.js'
import { extentScalars, profileScalars } from './scalarInputs.js'

/** The initial value of every element of a slot, or `'identity'` for the identity matrix. */
export type InitialSlot = number | 'identity'

/** The initial values of a parameter's slots, by name. */
export type InitialSlots = Readonly<Record<string, InitialSlot>>

/** The initial slots of each parameter. */
export function initialSlots(plan: StepPlan): InitialSlots[] {
  // Of all profiles, so that a schedule that begins outside its range is refused at once.
  const scalars = plan.profiles.map((profile) => profileScalars({}, profile, 1))
  return plan.parameters.map((parameter) => {
    const { graph, profile } = parameter
    const initialOf = (name: string): InitialSlot => {
      const output = `initial.${name}`
      const { op, shape, value } = graph.nodes[graph.outputs[output]!]!
      if (op === 'constant') return value!
      if (shape !== 'scalar') return 'identity'
      const inputs = { ...scalars[profile]!, ...extentScalars({}, parameter), step: 1 }
      return compileScalars(graph, [output])(inputs)[0]!
    }
    return Object.fromEntries(graph.slots.map((name) => [name, initialOf(name)]))
  })
}

/** Sets an array to the initial value of a slot. */
export function fillSlot(slot: TypedArray, initial: InitialSlot): void {
  slot.fill(initial === 'identity' ? 0 : initial)
  if (initial !== 'identity') return
  const n = Math.round(Math.sqrt(slot.length))
  for (let i = 0; i < n; i++) slot[i * n + i] = 1
}

/** A new array with the initial value of a parameter's slot. */
export function createSlot(
  parameter: Pick<PlannedParameter, 'graph' | 'shape' | 'rows' | 'columns'>,
  name: string,
  initial: InitialSlot,
  dtype: ElementType,
): TypedArray {
  const slot = arrayOf(dtype, sizeOf(slotShape(parameter, name)))
  // An array of zeros has its memory only once something is written.
  if (initial !== 0) fillSlot(slot, initial)
  return slot
}

/**
 * The shape of a slot of a parameter. That of the parameter's own shape has it, or is a matrix where the parameter is one
 * to its base; vectors are matrices of one column (`rows`) or of one row (`columns`), and a scalar has the shape [].
 */
export function slotShape(
  { graph, shape, rows, columns }: Pick<PlannedParameter, 'graph' | 'shape' | 'rows' | 'columns'>,
  name: string,
): readonly number[] {
  switch (graph.slotShapes[name]) {
    case 'scalar':
      return []
    case 'rows':
      return [rows, 1]
    case 'columns':
      return [1, columns]
    case 'rows,rows':
      return [rows, rows]
    case 'columns,columns':
      return [columns, columns]
    case 'rows,columns':
      return [rows, columns]
    default:
      return shape
  }
}
