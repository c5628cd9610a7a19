import { decodeCheckpoint } from './bytes.js'
import {
  checkCheckpoint,
  checkParameterState,
  type Checkpoint,
  type ParameterState,
  type UnitState,
} from './checkpoint.js'
import { InducedMetricError, show } from '../errors.js'
import type { MetricUnit, StepPlan } from '../step/plan.js'
import type { UnitNumbers } from '../step/stepper.js'

/** A checkpoint's states, in the order of a plan's parameters and units. */
export interface Matched {
  readonly checkpoint: Checkpoint
  readonly states: readonly ParameterState[]
  readonly averages: readonly UnitNumbers[]
}

/** A metric unit as a checkpoint has it. */
export function saveUnit({ key, graph }: MetricUnit, { average, steps, values }: UnitNumbers): UnitState {
  const named = Object.fromEntries(graph.state.map((name, i) => [name, values[i]!]))
  return { key, average, steps, ...(values.length > 0 && { values: named }) }
}

/**
 * Finds a checkpoint's states for the parameters and units of a plan.
 *
 * @param dtypeOf the element type of a parameter, by index
 * @throws ERR_CHECKPOINT when the checkpoint belongs to another transformation or to other parameters
 */
export function matchCheckpoint(
  plan: StepPlan,
  given: Checkpoint | Uint8Array,
  dtypeOf: (index: number) => ParameterState['dtype'],
): Matched {
  const checkpoint = given instanceof Uint8Array ? decodeCheckpoint(given) : given
  checkCheckpoint(checkpoint)
  const refuse = (message: string): never => {
    throw new InducedMetricError('ERR_CHECKPOINT', message)
  }
  const known = new Map(checkpoint.parameters.map((state) => [state.name, state]))
  const units = new Map(checkpoint.units.map((unit) => [unit.key, unit]))
  const states = plan.parameters.map(({ name, shape, graph }, index) => {
    const state = known.get(name) ?? refuse(`the checkpoint has no parameter ${show(name)}`)
    checkParameterState(state, { name, shape, dtype: dtypeOf(index), slots: graph.slots })
    return state
  })
  if (known.size !== states.length) {
    const own = new Set(states.map(({ name }) => name))
    const others = [...known.keys()].filter((name) => !own.has(name))
    refuse(`the checkpoint has parameters unknown here: ${others.join(', ')}`)
  }
  const averages = plan.units.map(({ key, graph }): UnitNumbers => {
    const saved = units.get(key) ?? refuse(`the checkpoint has no metric unit ${show(key)}`)
    // What an earlier transformation did not keep begins now, all of it: these values belong together.
    const isKept = graph.state.every((name) => Object.hasOwn(saved.values ?? {}, name))
    const values = graph.state.map((name) => (isKept ? saved.values![name]! : 0))
    return { average: saved.average, steps: saved.steps, values }
  })
  if (units.size !== averages.length) refuse('the checkpoint has metric units unknown here')
  if (checkpoint.hash !== plan.hash) {
    refuse(
      'the checkpoint was saved by a transformation of another form: its bases or its metricScope differ',
    )
  }
  return { checkpoint, states, averages }
}
