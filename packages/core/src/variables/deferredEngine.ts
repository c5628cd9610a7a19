import { withLearningRate } from '../step/learningRate.js'
import { lossCount, stepStatus } from '../step/metricGraph.js'
import type { StepPlan } from '../step/plan.js'
import type { DeferredInputs } from '../tensors/deferredInputs.js'
import { createDeferredStep, type DeferredStep } from '../tensors/deferredStep.js'
import type { FusedValue } from '../tensors/fused/evaluation.js'
import type { Fusion } from '../tensors/fused/shaders.js'
import { createSharedScalars } from '../tensors/sharedScalars.js'
import type { Transformation } from '../transformation/types.js'
import type { VariableBackend, VariableGradient } from './backend.js'
import { createConstants } from './constants.js'
import { fusingRunner, known, withFusion } from './fusion.js'
import { createOperations } from './operations.js'
import { keepReport, type PendingReport } from './pendingReport.js'
import type { Places } from './places.js'
import { guardOnHost, type Choose, type Counted, type Refusals } from './refusals.js'
import { disposeScalars, valuesOf, type State } from './state.js'
import type { StepEngine } from './stepEngine.js'
import { inputsOf } from './stepInputs.js'

/** Where steps are computed, and who decides whether one may be written. */
export interface StepGuards<T extends object> {
  readonly transformation: Transformation
  readonly places: Places<T>
  readonly refusals: Refusals<T>
}

/** The results of an update. A value is a number as long as it depends on numbers only, else a tensor. */
type Update<T> = ReturnType<DeferredStep<FusedValue<T>>['update']>

/** Steps by operations of the framework, on any device. */
export function createDeferredEngine<T extends object>(
  backend: VariableBackend<T>,
  state: State<T>,
  { transformation, places, refusals }: StepGuards<T>,
): StepEngine<T> {
  const constants = createConstants(backend)
  const operations = createOperations(backend, constants)

  /** The choice between the new values of a step and the old ones; `undefined` where the step is skipped. */
  const guard = (
    computed: Computed<T>,
    report: PendingReport<T | number>,
    written: readonly Update<T>[],
  ): Choose<T> | undefined => {
    const { inputs, changed, fusion, tensor } = computed
    if (inputs.active.length === 0) return undefined
    const reader = fusion || places.stepGuard === 'device' ? undefined : backend.hostReader()
    if (reader) return guardOnHost(transformation, report, reader) ? (fresh) => fresh : undefined
    const tensors = written.flatMap(({ value, slots }) => [value, ...Object.values(slots)].map(tensor))
    const { choose, isRefused } = refusals.guard(report.units, constants.tensor, tensors, changed)
    if (fusion) fusion.verdict = isRefused
    return choose
  }

  return {
    take(given, pairs, loss) {
      try {
        const plan = withLearningRate(given, state.learningRate)
        const changed = changedBy(plan, pairs, state)
        const runner = fusingRunner(places, plan)
        const fusion: Fusion<T> | undefined = runner && {
          runner,
          shape: (tensor) => backend.shape(tensor),
          clone: (tensor) => backend.clone(tensor),
          numbers: createSharedScalars(),
          verdict: undefined,
        }
        const inputs = inputsOf(plan, pairs, loss, {
          backend,
          state,
          constants,
          refused: fusion && refusals.counts(),
        })
        const step = createDeferredStep(plan, withFusion(operations, fusion), inputs)
        const tensor = (value: FusedValue<T>): T => constants.tensor(known(value))
        const computed = { backend, state, plan, inputs, step, changed, fusion, tensor }
        const report = reportOf(computed, loss)
        // In half precision new values may overflow, so the decision depends on them.
        const updates = backend.isHalfPrecision() ? inputs.active.map((index) => step.update(index)) : []
        const choose = guard(computed, report, updates)
        if (choose) {
          writeVariables(computed, updates, choose)
          writeUnits(computed, choose)
          writeProfiles(computed, choose)
        }
        return keepReport(backend, { ...report, skipped: choose === undefined })
      } finally {
        constants.sweep()
      }
    },
    dispose: () => constants.dispose(),
  }
}

/** A step that is computed as far as it is asked for, and where its results are written. */
interface Computed<T extends object> {
  readonly backend: VariableBackend<T>
  readonly state: State<T>
  readonly plan: StepPlan
  readonly inputs: DeferredInputs<FusedValue<T>>
  readonly step: DeferredStep<FusedValue<T>>
  /** The states that the step counts itself in. */
  readonly changed: Counted<T>
  /** What programs have in common, if they take the step. */
  readonly fusion: Fusion<T> | undefined
  readonly tensor: (value: FusedValue<T>) => T
}

/** The states that a step counts itself in, whether it is written or not. */
function changedBy<T extends object>(
  plan: StepPlan,
  pairs: readonly VariableGradient<T>[],
  state: State<T>,
): Counted<T> {
  const has = (members: readonly number[]): boolean =>
    members.some((index) => pairs[index]!.gradient !== null)
  return [
    ...plan.parameters.flatMap(({ name }, index) => (has([index]) ? [state.variables.get(name)!] : [])),
    ...plan.units.flatMap(({ key, contributors }) => (has(contributors) ? [state.units.get(key)!] : [])),
    ...plan.profiles.flatMap(({ key, keepsState, members }) =>
      keepsState && has(members) ? [state.profiles.get(key)!] : [],
    ),
  ]
}

function reportOf<T extends object>(
  { plan, inputs, step }: Computed<T>,
  loss: T | number | undefined,
): PendingReport<T | number> {
  const units = plan.units.map((unit, index) => {
    const results = step.units[index]
    if (!results) return { unit, xi: NaN, dualNorm: NaN, metric: NaN, scale: 0, status: stepStatus.ok }
    const xi = known(inputs.unit(index, 'xi')!) as number
    const { dualNorm, metric, scale, status } = results
    return {
      unit,
      xi,
      dualNorm: known(dualNorm),
      metric: known(metric),
      scale: known(scale),
      status: known(status),
    }
  })
  const learningRate = known(inputs.profile(0, 'learningRate') ?? NaN) as number
  return { skipped: false, learningRate, loss, units }
}

/** Writes variables and their slots. An update is computed only when it is written, unless it is there already. */
function writeVariables<T extends object>(
  { backend, state, plan, inputs, step, fusion, tensor }: Computed<T>,
  updates: readonly Update<T>[],
  chooseValue: Choose<T>,
): void {
  // Programs have chosen already.
  const choose: Choose<T> = fusion ? (fresh) => fresh : chooseValue
  for (const [place, index] of inputs.active.entries()) {
    const variable = inputs.parameter(index) as T
    const kept = state.variables.get(plan.parameters[index]!.name)!
    const { value, slots } = updates[place] ?? step.update(index)
    const chosen = choose(tensor(value), variable)
    const next = Object.entries(slots).map(([name, slot]) => {
      const value = choose(tensor(slot), kept.slots[name]!)
      // The scalar of a number is not the slot's to keep.
      return [name, backend.keep(typeof slot === 'number' ? backend.clone(value) : value)] as const
    })
    // A fresh buffer by assign, never in place: TensorFlow.js's wasm backend caches packed weights by tensor.
    backend.assign(variable, chosen)
    for (const [name, slot] of next) {
      backend.dispose(kept.slots[name]!)
      kept.slots[name] = slot
    }
    kept.steps++
  }
}

/** Writes the scalars of metric units, once all variables are updated. */
function writeUnits<T extends object>(
  { backend, state, plan, step, tensor }: Computed<T>,
  choose: Choose<T>,
): void {
  const next = (fresh: FusedValue<T>, old: T | number): T =>
    backend.keep(backend.clone(choose(tensor(fresh), tensor(old))))
  plan.units.forEach((unit, index) => {
    const results = step.units[index]
    if (!results) return
    const kept = state.units.get(unit.key)!
    const names = unit.graph.state
    const before = valuesOf(unit, kept)
    const values = results.nextState().map((value, i) => {
      // The count of losses stays with the host, as that of steps does.
      const count = known(value)
      return names[i] === lossCount && typeof count === 'number' ? count : next(value, before[i]!)
    })
    const average = next(results.average, kept.average)
    disposeScalars(backend, kept)
    Object.assign(kept, { average, names, values })
    kept.steps++
  })
}

/** The profiles that keep anything and take part in a step, with their state. */
function keptProfiles<T extends object>({ plan, state, step }: Computed<T>) {
  return plan.profiles.flatMap(({ key, keepsState }, index) => {
    const results = step.profiles[index]
    return keepsState && results ? [{ results, kept: state.profiles.get(key)! }] : []
  })
}

/** Writes the shared scalars of profiles, once all variables are updated. */
function writeProfiles<T extends object>(computed: Computed<T>, choose: Choose<T>): void {
  const { backend, tensor } = computed
  for (const { results, kept } of keptProfiles(computed)) {
    const { values } = kept
    const next = results
      .nextShared()
      .map((fresh, i) => backend.keep(backend.clone(choose(tensor(fresh), tensor(values[i]!)))))
    for (const value of values) if (typeof value !== 'number') backend.dispose(value)
    kept.values = next
    kept.steps++
  }
}
