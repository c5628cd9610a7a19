import { withLearningRate } from '../step/learningRate.js'
import { stepStatus } from '../step/metricGraph.js'
import type { MetricUnit, StepPlan } from '../step/plan.js'
import type { ProfileNumbers, UnitNumbers } from '../step/scalarState.js'
import { createStepper, type Stepper } from '../step/stepper.js'
import type { VariableBackend } from './backend.js'
import type { TensorMemory } from './memory.js'
import { createPlacedPasses, type PlacedPasses } from './placedPasses.js'
import { disposeScalars, valuesOf, type ProfileState, type State, type UnitState } from './state.js'
import type { StepEngine } from './stepEngine.js'

/** The passes of a plan, with a stepper for a learning rate. */
interface Prepared<T> {
  readonly plan: StepPlan
  readonly passes: PlacedPasses<T>
  /** The learning rate that was set. */
  readonly rate: number | undefined
  readonly stepper: Stepper
}

/** Steps by compiled loops, in a memory of the framework or beside it. */
export function createCompiledEngine<T extends object>(
  backend: VariableBackend<T>,
  memory: TensorMemory<T>,
  state: State<T>,
): StepEngine<T> {
  let prepared: Prepared<T> | undefined
  const prepare = (plan: StepPlan): Prepared<T> => {
    const rate = state.learningRate
    const isSame = prepared?.plan === plan
    if (isSame && prepared!.rate === rate) return prepared!
    if (!isSame) prepared?.passes.dispose()
    const passes = isSame ? prepared!.passes : createPlacedPasses(plan, backend, memory)
    return (prepared = { plan, passes, rate, stepper: createStepper(withLearningRate(plan, rate)) })
  }
  const read = (x: T | number): number => (typeof x === 'number' ? x : memory.read(x))

  return {
    take(plan, pairs, loss) {
      const { passes, stepper } = prepare(plan)
      const variables = plan.parameters.map(({ name }) => state.variables.get(name)!)
      const units = plan.units.map(({ key }) => state.units.get(key)!)
      const steps = variables.map((variable) => variable.steps)
      const numbers = plan.units.map((unit, i) => numbersOf(unit, units[i]!, read))
      const profiles = plan.profiles.map(({ key }) => profileNumbers(state.profiles.get(key), read))
      const gradients = pairs.map(({ variable, gradient }, index) =>
        gradient === null ? null : { variable, gradient, state: variables[index]! },
      )
      const given = loss === undefined ? undefined : read(loss)
      let isWritten = false
      try {
        const outcome = stepper.take(
          passes,
          gradients,
          { steps, units: numbers, profiles },
          { step: state.step + 1, loss: given },
        )
        isWritten = !outcome.skipped
        steps.forEach((count, index) => (variables[index]!.steps = count))
        units.forEach((unit, i) => replaceScalars(backend, unit, plan.units[i]!, numbers[i]!))
        plan.profiles.forEach(({ key }, i) => keepProfile(backend, state.profiles.get(key), profiles[i]!))
        const { skipped, learningRate } = outcome
        // Written out: copies by spread take long beside a step on few weights.
        const results = outcome.units.map(({ unit, xi, dualNorm, metric, scale }) => {
          return { unit, xi, dualNorm, metric, scale, status: stepStatus.ok }
        })
        return { skipped, learningRate, loss: given, units: results }
      } finally {
        passes.end(isWritten)
      }
    },
    dispose() {
      prepared?.passes.dispose()
      prepared = undefined
    },
  }
}

/** The scalars of a unit's state as numbers: the state itself where it has these already, which the step then updates. */
function numbersOf<T>(unit: MetricUnit, state: UnitState<T>, read: (x: T | number) => number): UnitNumbers {
  return hasNumbers(unit, state)
    ? state
    : { average: read(state.average), steps: state.steps, values: valuesOf(unit, state).map(read) }
}

function hasNumbers<T>({ graph }: MetricUnit, state: UnitState<T>): state is UnitState<T> & UnitNumbers {
  const { names, average, values } = state
  return names === graph.state && typeof average === 'number' && values.every((x) => typeof x === 'number')
}

/** Puts numbers in the place of a unit's scalars, which may have been on the device or of another plan. */
function replaceScalars<T extends object>(
  backend: VariableBackend<T>,
  state: UnitState<T>,
  { graph }: MetricUnit,
  numbers: UnitNumbers,
): void {
  if (state === numbers) return
  disposeScalars(backend, state)
  Object.assign(state, numbers, { names: graph.state })
}

/** The state of a profile as numbers, a copy; without a state, nothing. */
function profileNumbers<T>(
  state: ProfileState<T> | undefined,
  read: (x: T | number) => number,
): ProfileNumbers {
  return { steps: state?.steps ?? 0, values: state?.values.map(read) ?? [] }
}

/** Puts numbers in the place of a profile's scalars, which may have been on the device. */
function keepProfile<T extends object>(
  backend: VariableBackend<T>,
  state: ProfileState<T> | undefined,
  numbers: ProfileNumbers,
): void {
  if (state === undefined) return
  for (const value of state.values) if (typeof value !== 'number') backend.dispose(value)
  Object.assign(state, numbers)
}
