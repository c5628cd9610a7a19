import { lossCount, stepStatus } from '../step/metricGraph.js'
import { withLearningRate } from '../step/learningRate.js'
import type { StepPlan } from '../step/plan.js'
import { profileScalars, unitScalars } from '../step/scalarInputs.js'
import type { DeferredInputs } from '../tensors/deferredInputs.js'
import { createDeferredStep, type DeferredStep } from '../tensors/deferredStep.js'
import { tensorShape } from '../tensors/tensorShape.js'
import { fillNormals, normalSources } from '../step/normals.js'
import { sizeOf } from '../shape.js'
import type { Transformation } from '../transformation/types.js'
import type { VariableBackend, VariableGradient } from './backend.js'
import { createConstants, type Constants } from './constants.js'
import { createOperations } from './operations.js'
import { keepReport, type PendingReport } from './pendingReport.js'
import { guardOnHost, type Choose, type Refusals } from './refusals.js'
import { disposeScalars, valuesOf, type ProfileState, type State } from './state.js'
import type { StepEngine } from './stepEngine.js'

/** Who decides whether a step may be written. */
export interface StepGuards<T> {
  readonly transformation: Transformation
  readonly stepGuard: 'host' | 'device' | undefined
  readonly refusals: Refusals<T>
}

/** The results of an update. A value is a number as long as it depends on numbers only, else a tensor. */
type Update<T> = ReturnType<DeferredStep<T | number>['update']>

/** Steps by operations of the framework, on any device. */
export function createDeferredEngine<T extends object>(
  backend: VariableBackend<T>,
  state: State<T>,
  { transformation, stepGuard, refusals }: StepGuards<T>,
): StepEngine<T> {
  const constants = createConstants(backend)
  const operations = createOperations(backend, constants)

  /** The choice between the new values of a step and the old ones; `undefined` where the step is skipped. */
  const guard = (
    computed: Computed<T>,
    report: PendingReport<T | number>,
    written: readonly Update<T>[],
  ): Choose<T> | undefined => {
    const { plan, inputs, step } = computed
    if (inputs.active.length === 0) return undefined
    const reader = stepGuard === 'device' ? undefined : backend.hostReader()
    if (reader) return guardOnHost(transformation, report, reader) ? (fresh) => fresh : undefined
    const tensors = written.flatMap(({ value, slots }) =>
      [value, ...Object.values(slots)].map(constants.tensor),
    )
    const changed = [
      ...inputs.active.map((index) => state.variables.get(plan.parameters[index]!.name)!),
      ...plan.units.flatMap(({ key }, index) => (step.units[index] ? [state.units.get(key)!] : [])),
      ...keptProfiles(computed).map(({ kept }) => kept),
    ]
    return refusals.guard(report.units, constants.tensor, tensors, changed)
  }

  return {
    take(given, pairs, loss) {
      try {
        const plan = withLearningRate(given, state.learningRate)
        const inputs = inputsOf(plan, pairs, loss, { backend, state, constants })
        const step = createDeferredStep(plan, operations, inputs)
        const computed = { backend, state, plan, inputs, step, tensor: constants.tensor }
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

/** @throws ERR_OPTION when a schedule leaves its range */
function inputsOf<T extends object>(
  plan: StepPlan,
  pairs: readonly VariableGradient<T>[],
  loss: T | number | undefined,
  given: {
    readonly backend: VariableBackend<T>
    readonly state: State<T>
    readonly constants: Constants<T>
  },
): DeferredInputs<T | number> {
  const { backend, state } = given
  const { tensor } = given.constants
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
    normal(parameter, stream) {
      const source = normalSources(plan, parameter).find((one) => one.stream === stream)!
      const shape = tensorShape(plan.parameters[parameter]!)
      const values = new Float32Array(sizeOf(shape))
      fillNormals(values, { ...source, step: variables[parameter]!.steps + 1 })
      return backend.from(values, shape)
    },
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
    profileStep: (profile) => profileOf(plan, profile, state).steps + 1,
    shared(profile, name) {
      const { names, values } = profileOf(plan, profile, state)
      return tensor(values[names.indexOf(name)]!)
    },
  }
}

/** The state of a profile that keeps any. */
function profileOf<T extends object>(
  { profiles }: StepPlan,
  index: number,
  state: State<T>,
): ProfileState<T> {
  return state.profiles.get(profiles[index]!.key)!
}

/** A step that is computed as far as it is asked for, and where its results are written. */
interface Computed<T extends object> {
  readonly backend: VariableBackend<T>
  readonly state: State<T>
  readonly plan: StepPlan
  readonly inputs: DeferredInputs<T | number>
  readonly step: DeferredStep<T | number>
  readonly tensor: Constants<T>['tensor']
}

function reportOf<T extends object>(
  { plan, inputs, step }: Computed<T>,
  loss: T | number | undefined,
): PendingReport<T | number> {
  const units = plan.units.map((unit, index) => {
    const results = step.units[index]
    if (!results) return { unit, xi: NaN, dualNorm: NaN, metric: NaN, scale: 0, status: stepStatus.ok }
    const { dualNorm, metric, scale, status } = results
    return { unit, xi: inputs.unit(index, 'xi') as number, dualNorm, metric, scale, status }
  })
  return { skipped: false, learningRate: (inputs.profile(0, 'learningRate') ?? NaN) as number, loss, units }
}

/** Writes variables and their slots. An update is computed only when it is written, unless it is there already. */
function writeVariables<T extends object>(
  { backend, state, plan, inputs, step, tensor }: Computed<T>,
  updates: readonly Update<T>[],
  choose: Choose<T>,
): void {
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
  const next = (fresh: T | number, old: T | number): T =>
    backend.keep(backend.clone(choose(tensor(fresh), tensor(old))))
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
