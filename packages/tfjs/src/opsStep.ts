import type { Transformation } from '@induced-metric/core'
import {
  createDeferredStep,
  lossCount,
  profileScalars,
  stepStatus,
  unitScalars,
  withHostNumbers,
  withLearningRate,
  type DeferredBackend,
  type DeferredInputs,
  type DeferredStep,
  type StepPlan,
} from '@induced-metric/core/adapter'
import { createConstants, type Constants } from './constants.js'
import { createLowering } from './lowering.js'
import type { Scalar, Tensor, TensorFlow, Variable } from './namespace.js'
import { keepReport, type PendingReport } from './pendingReport.js'
import { isHalfPrecision } from './precision.js'
import { disposeScalars, valuesOf, type State } from './state.js'
import type { StepEngine } from './stepEngine.js'
import { guardOnHost, hostReader, type Choose, type Refusals } from './stepGuard.js'
import { addAll } from './sums.js'
import type { VariableGradient } from './variables.js'

/** Who decides whether a step may be written. */
export interface StepGuards {
  readonly transformation: Transformation
  readonly stepGuard: 'host' | 'device' | undefined
  readonly refusals: Refusals
}

/** A value of a step: a number as long as it depends on numbers only, else a tensor. */
type Value = Tensor | number
type Update = ReturnType<DeferredStep<Value>['update']>

/** Steps by operations of TensorFlow.js, on any backend. */
export function createOpsStep(
  tf: TensorFlow,
  state: State,
  { transformation, stepGuard, refusals }: StepGuards,
): StepEngine {
  const constants = createConstants(tf)
  const backend = createBackend(tf, constants)

  /** The choice between the new values of a step and the old ones; `undefined` where the step is skipped. */
  const guard = (
    computed: Computed,
    report: PendingReport,
    written: readonly Update[],
  ): Choose | undefined => {
    const { plan, inputs, step } = computed
    if (inputs.active.length === 0) return undefined
    const reader = stepGuard === 'device' ? undefined : hostReader(tf)
    if (reader) return guardOnHost(transformation, report, reader) ? (fresh) => fresh : undefined
    const tensors = written.flatMap(({ value, slots }) =>
      [value, ...Object.values(slots)].map(constants.tensor),
    )
    const changed = [
      ...inputs.active.map((index) => state.variables.get(plan.parameters[index]!.name)!),
      ...plan.units.flatMap(({ key }, index) => (step.units[index] ? [state.units.get(key)!] : [])),
    ]
    return refusals.guard(report.units, constants.tensor, tensors, changed)
  }

  return {
    take(given, pairs, loss) {
      try {
        const plan = withLearningRate(given, state.learningRate)
        const inputs = inputsOf(plan, pairs, loss, state, constants)
        const step = createDeferredStep(plan, backend, inputs)
        const computed = { tf, state, plan, inputs, step, tensor: constants.tensor }
        const report = reportOf(computed, loss)
        // In half precision new values may overflow, so the decision depends on them.
        const updates = isHalfPrecision(tf) ? inputs.active.map((index) => step.update(index)) : []
        const choose = guard(computed, report, updates)
        if (choose) {
          writeVariables(computed, updates, choose)
          writeUnits(computed, choose)
        }
        return keepReport(tf, { ...report, skipped: choose === undefined })
      } finally {
        constants.sweep()
      }
    },
    dispose: () => constants.dispose(),
  }
}

function createBackend(tf: TensorFlow, { tensor }: Constants): DeferredBackend<Value> {
  return {
    lowering: withHostNumbers(createLowering(tf), tensor),
    constant: (value) => value,
    sum: (values) => addAll(tf, values.map(tensor)),
    free(value) {
      // Scalars are left to `tf.tidy`: they are small, and a total may read the parts of one again.
      if (typeof value !== 'number' && value.rank > 0) value.dispose()
    },
    copy: (value) => (typeof value === 'number' ? value : value.clone()),
    sharesScalars: true,
  }
}

/** @throws ERR_OPTION when a schedule leaves its range */
function inputsOf(
  plan: StepPlan,
  pairs: readonly VariableGradient[],
  loss: Scalar | number | undefined,
  state: State,
  { tensor }: Constants,
): DeferredInputs<Value> {
  const step = state.step + 1
  const isActive = (index: number): boolean => pairs[index]!.gradient !== null
  const variables = plan.parameters.map(({ name }) => state.variables.get(name)!)
  const profiles = plan.profiles.map((profile) => profileScalars({}, profile, step))
  const units = plan.units.map((unit) => {
    const kept = state.units.get(unit.key)!
    const scalars = unit.contributors.some(isActive) ? unitScalars({}, unit, step) : {}
    return { unit, kept, values: valuesOf(unit, kept), scalars }
  })
  return {
    active: [...pairs.keys()].filter(isActive),
    gradient: (parameter) => pairs[parameter]!.gradient!,
    parameter: (parameter) => pairs[parameter]!.variable,
    slot: (parameter, name) => variables[parameter]!.slots[name]!,
    step: (parameter) => variables[parameter]!.steps + 1,
    profile: (profile, input) => profiles[profile]?.[input],
    unit: (unit, input) => units[unit]!.scalars[input],
    metricStep: (unit) => units[unit]!.kept.steps + 1,
    // A loaded average is rounded to single precision, in which the device computes all others.
    average: (unit) => tensor(units[unit]!.kept.average),
    state(index, name) {
      const { unit, values } = units[index]!
      const value = values[unit.graph.state.indexOf(name)]!
      return name === lossCount ? value : tensor(value)
    },
    loss: () => loss,
  }
}

/** A step that is computed as far as it is asked for, and where its results are written. */
interface Computed {
  readonly tf: TensorFlow
  readonly state: State
  readonly plan: StepPlan
  readonly inputs: DeferredInputs<Value>
  readonly step: DeferredStep<Value>
  readonly tensor: Constants['tensor']
}

function reportOf({ plan, inputs, step }: Computed, loss: Value | undefined): PendingReport {
  const units = plan.units.map((unit, index) => {
    const results = step.units[index]
    if (!results) return { unit, xi: NaN, dualNorm: NaN, metric: NaN, scale: 0, status: stepStatus.ok }
    const { dualNorm, metric, scale, status } = results
    return { unit, xi: inputs.unit(index, 'xi') as number, dualNorm, metric, scale, status }
  })
  return { skipped: false, learningRate: (inputs.profile(0, 'learningRate') ?? NaN) as number, loss, units }
}

/** Writes variables and their slots. An update is computed only when it is written, unless it is there already. */
function writeVariables(
  { tf, state, plan, inputs, step, tensor }: Computed,
  updates: readonly Update[],
  choose: Choose,
): void {
  for (const [place, index] of inputs.active.entries()) {
    const variable = inputs.parameter(index) as Variable
    const kept = state.variables.get(plan.parameters[index]!.name)!
    const { value, slots } = updates[place] ?? step.update(index)
    const chosen = choose(tensor(value), variable)
    const next = Object.entries(slots).map(([name, slot]) => {
      return [name, tf.keep(choose(tensor(slot), kept.slots[name]!))] as const
    })
    // A fresh buffer by assign, never in place: the wasm backend caches packed weights by tensor.
    variable.assign(chosen)
    for (const [name, slot] of next) {
      kept.slots[name]!.dispose()
      kept.slots[name] = slot
    }
    kept.steps++
  }
}

/** Writes the scalars of metric units, once all variables are updated. */
function writeUnits({ tf, state, plan, step, tensor }: Computed, choose: Choose): void {
  const next = (fresh: Value, old: Value): Tensor => tf.keep(choose(tensor(fresh), tensor(old)).clone())
  plan.units.forEach((unit, index) => {
    const results = step.units[index]
    if (!results) return
    const kept = state.units.get(unit.key)!
    const names = unit.graph.state
    const before = valuesOf(unit, kept)
    const values = results.nextState().map((value, i) => {
      // The count of losses stays with the host, as that of steps does.
      return names[i] === lossCount && typeof value === 'number' ? value : next(value, before[i]!)
    })
    const average = next(results.average, kept.average)
    disposeScalars(kept)
    Object.assign(kept, { average, names, values })
    kept.steps++
  })
}
