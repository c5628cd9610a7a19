import type { Checkpoint } from '../checkpoint/checkpoint.js'
import { checkpointOf, matchCheckpoint } from '../checkpoint/match.js'
import { arrayOf, type ElementType } from '../dtype.js'
import { shapeError } from '../errors.js'
import { initialSlots } from '../step/initialSlots.js'
import type { StepPlan } from '../step/plan.js'
import { initialState, type ScalarState, type UnitNumbers } from '../step/scalarState.js'
import type { TensorBackend } from './backend.js'
import { isSameShape } from './checks.js'

/** What steps over tensors carry from one to the next. */
export interface TensorState<T> {
  /**
   * Counts and averages: steps taken and skipped, each parameter's steps, each metric unit's v, its steps and the other
   * scalars of its state; and the learning rate, where one was set.
   */
  readonly numbers: Float64Array
  /** The slots of each parameter, by name. */
  readonly slots: readonly Readonly<Record<string, T>>[]
}

/** The numbers of a state by name. */
export type StateNumbers = Pick<Checkpoint, 'step' | 'skippedSteps' | 'learningRate'> & ScalarState

export function packNumbers({ step, skippedSteps, learningRate, steps, units }: StateNumbers): Float64Array {
  const averages = units.flatMap(({ average, steps: count, values }) => [average, count, ...values])
  const rate = learningRate === undefined ? [] : [learningRate]
  return Float64Array.from([step, skippedSteps, ...steps, ...averages, ...rate])
}

export function unpackNumbers(plan: StepPlan, { numbers }: TensorState<unknown>): StateNumbers {
  const [step, skippedSteps, ...counts] = numbers
  const averages = counts.splice(plan.parameters.length)
  const units = plan.units.map(({ graph }): UnitNumbers => {
    const [average, count, ...values] = averages.splice(0, 2 + graph.state.length)
    return { average: average!, steps: count!, values }
  })
  const [learningRate] = averages
  return {
    step: step!,
    skippedSteps: skippedSteps!,
    ...(learningRate !== undefined && { learningRate }),
    steps: counts,
    units,
  }
}

/** The state before the first step. */
export function createState<T>(
  plan: StepPlan,
  dtypes: readonly ElementType[],
  backend: TensorBackend<T>,
): TensorState<T> {
  return {
    numbers: packNumbers({ step: 0, skippedSteps: 0, ...initialState(plan) }),
    slots: initialSlots(plan).map((values, index) => {
      const { shape, size } = plan.parameters[index]!
      return mapValues(values, (value) => backend.from(arrayOf(dtypes[index]!, size).fill(value), shape))
    }),
  }
}

/** A copy of a state, read from the device. */
export function saveState<T>(
  plan: StepPlan,
  dtypes: readonly ElementType[],
  backend: TensorBackend<T>,
  state: TensorState<T>,
): Checkpoint {
  return checkpointOf(plan, unpackNumbers(plan, state), (index) => {
    const dtype = dtypes[index]!
    const copy = (tensor: T) => {
      const array = arrayOf(dtype, plan.parameters[index]!.size)
      array.set(backend.read(tensor))
      return array
    }
    return { dtype, slots: mapValues(state.slots[index]!, copy) }
  })
}

/**
 * The state of a checkpoint.
 *
 * @throws ERR_CHECKPOINT when it belongs to another transformation or to other parameters
 */
export function loadState<T>(
  plan: StepPlan,
  dtypes: readonly ElementType[],
  backend: TensorBackend<T>,
  given: Checkpoint | Uint8Array,
): TensorState<T> {
  const { checkpoint, states, units } = matchCheckpoint(plan, given, (index) => dtypes[index]!)
  const steps = states.map((saved) => saved.steps)
  return {
    numbers: packNumbers({ ...checkpoint, steps, units: [...units] }),
    slots: states.map((saved) => mapValues(saved.slots, (data) => backend.from(data, saved.shape))),
  }
}

/** Throws ERR_SHAPE unless a state has the form of a plan's. */
export function checkState<T>(
  plan: StepPlan,
  { numbers, slots }: TensorState<T>,
  backend: TensorBackend<T>,
): void {
  const { parameters, units } = plan
  const ofUnits = units.reduce((total, { graph }) => total + 2 + graph.state.length, 0)
  const beyond = numbers.length - (2 + parameters.length + ofUnits)
  const fits =
    (beyond === 0 || beyond === 1) &&
    slots.length === parameters.length &&
    parameters.every(({ graph, shape }, index) => {
      const own = slots[index]!
      const isSlot = (name: string) => own[name] !== undefined && isSameShape(backend.shape(own[name]), shape)
      return Object.keys(own).length === graph.slots.length && graph.slots.every(isSlot)
    })
  if (fits) return
  throw shapeError(
    'the state is of other parameters or of another transformation: give one that was made for these',
  )
}

function mapValues<A, B>(record: Readonly<Record<string, A>>, f: (value: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, f(value)]))
}
