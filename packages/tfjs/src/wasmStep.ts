import {
  createStepper,
  stepStatus,
  withLearningRate,
  type MetricUnit,
  type StepPlan,
  type Stepper,
  type UnitNumbers,
} from '@induced-metric/core/adapter'
import type { Tensor } from './namespace.js'
import { disposeScalars, valuesOf, type State, type UnitState } from './state.js'
import type { StepEngine } from './stepEngine.js'
import type { BackendMemory } from './wasmMemory.js'
import { createWasmPasses, type WasmPasses } from './wasmPasses.js'

/** The passes of a plan, with a stepper for a learning rate. */
interface Prepared {
  readonly plan: StepPlan
  readonly passes: WasmPasses
  /** The learning rate that was set. */
  readonly rate: number | undefined
  readonly stepper: Stepper
}

/** Steps by the core's compiled loops, in the memory of the wasm or cpu backend. */
export function createWasmStep(memory: BackendMemory, state: State): StepEngine {
  let prepared: Prepared | undefined
  const prepare = (plan: StepPlan): Prepared => {
    const rate = state.learningRate
    const isSame = prepared?.plan === plan
    if (isSame && prepared!.rate === rate) return prepared!
    if (!isSame) prepared?.passes.dispose()
    const passes = isSame ? prepared!.passes : createWasmPasses(plan, memory)
    return (prepared = { plan, passes, rate, stepper: createStepper(withLearningRate(plan, rate)) })
  }
  const read = (x: Tensor | number): number => (typeof x === 'number' ? x : memory.read(x))

  return {
    take(plan, pairs, loss) {
      const { passes, stepper } = prepare(plan)
      const variables = plan.parameters.map(({ name }) => state.variables.get(name)!)
      const units = plan.units.map(({ key }) => state.units.get(key)!)
      const steps = variables.map((variable) => variable.steps)
      const numbers = plan.units.map((unit, i) => numbersOf(unit, units[i]!, read))
      const gradients = pairs.map(({ variable, gradient }, index) =>
        gradient === null ? null : { variable, gradient, state: variables[index]! },
      )
      const given = loss === undefined ? undefined : read(loss)
      let isWritten = false
      try {
        const outcome = stepper.take(
          passes,
          gradients,
          { steps, units: numbers },
          { step: state.step + 1, loss: given },
        )
        isWritten = !outcome.skipped
        steps.forEach((count, index) => (variables[index]!.steps = count))
        units.forEach((unit, i) => replaceScalars(unit, plan.units[i]!, numbers[i]!))
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
function numbersOf(unit: MetricUnit, state: UnitState, read: (x: Tensor | number) => number): UnitNumbers {
  return hasNumbers(unit, state)
    ? state
    : { average: read(state.average), steps: state.steps, values: valuesOf(unit, state).map(read) }
}

function hasNumbers({ graph }: MetricUnit, state: UnitState): state is UnitState & UnitNumbers {
  const { names, average, values } = state
  return names === graph.state && typeof average === 'number' && values.every((x) => typeof x === 'number')
}

/** Puts numbers in the place of a unit's scalars, which may have been on the device or of another plan. */
function replaceScalars(state: UnitState, { graph }: MetricUnit, numbers: UnitNumbers): void {
  if (state === numbers) return
  disposeScalars(state)
  Object.assign(state, numbers, { names: graph.state })
}
