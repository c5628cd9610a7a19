import type { Passes, FusedStepNumbers, FusedStep } from './passes.js'
import type { MetricUnit, StepPlan } from './plan.js'
import { profileEntries, shapeScalars, unitEntries, writeScalars, type ScalarEntry } from './scalarInputs.js'
import type { Scalars } from '../graph/hostScalars.js'
import { clipGraph, stepStatus } from './metricGraph.js'
import { idle, refusal, type UnitResult } from './report.js'
import { compileScalars, type ScalarProgram } from '../graph/hostScalars.js'

/** The numbers an optimiser keeps from step to step, beside the slots. */
export interface ScalarState {
  /** Number of steps that updated each parameter. */
  readonly steps: number[]
  readonly units: UnitNumbers[]
}

/** The numbers of a metric unit. */
export interface UnitNumbers {
  /** v. */
  average: number
  /** The number of steps it averages. */
  steps: number
  /** The values of the metric graph's `state`, in its order. */
  readonly values: number[]
}

/** The numbers of a metric unit before its first step. */
export function initialUnit({ graph }: MetricUnit): UnitNumbers {
  return { average: 0, steps: 0, values: graph.state.map(() => 0) }
}

/** The numbers before the first step. */
export function initialState(plan: StepPlan): ScalarState {
  return {
    steps: plan.parameters.map(() => 0),
    units: plan.units.map(initialUnit),
  }
}

/** What a step came to; holds until the next one. */
export interface StepOutcome {
  readonly skipped: boolean
  /** The learning rate of the first profile. */
  readonly learningRate: number
  readonly units: readonly UnitResult[]
}

/** Takes steps: the passes of an engine, with the scalar work on the host before, between and after them. */
export interface Stepper {
  /**
   * @param passes what works on the tensors
   * @param gradients one per parameter, in whatever form the passes take them; `null` where there is none
   * @param state updated when the step is written
   * @throws ERR_OPTION, ERR_NON_FINITE, ERR_BAD_LOSS before anything is written
   */
  take<G extends object>(
    passes: Passes<G>,
    gradients: readonly (G | null)[],
    state: ScalarState,
    given: { readonly step: number; readonly loss: number | null },
  ): StepOutcome
}

/** Parameters whose scalars are the same as long as they have been updated equally often. */
interface Cohort {
  readonly scalars: Scalars
  /** The call of `take` in which the scalars were filled in last, and for which count. */
  turn: number
  steps: number
}

/** Scalars that are the same at every step, and those that are not. */
interface Numbers {
  /** All of them: written once, and those on a schedule at every step. */
  readonly scalars: Scalars
  readonly scheduled: readonly ScalarEntry[]
}

interface UnitWork extends Numbers {
  readonly unit: MetricUnit
  readonly evaluate: ScalarProgram
  readonly sums: readonly {
    readonly input: string
    readonly members: readonly number[]
    readonly values: Float64Array
  }[]
  /** The inputs of the unit's state. */
  readonly states: readonly string[]
}

/** Prepares the steps of a plan. */
export function createStepper(plan: StepPlan): Stepper {
  const { parameters } = plan
  const profiles = plan.profiles.map((profile) => prepareNumbers(profileEntries(profile)))
  const cohorts = createCohorts(plan)
  parameters.forEach(({ profile }, index) =>
    Object.assign(cohorts[index]!.scalars, profiles[profile]!.scalars),
  )
  /** The scalars of each parameter in the current step. */
  const scalars = cohorts.map((cohort) => cohort.scalars)
  /** Scalars of parameters that have fallen out of step with their cohort. */
  const stragglers: Scalars[] = []
  /** The changes, each by parameter. */
  const changes = plan.changes.map(() => new Float64Array(parameters.length))
  const active: number[] = []
  const norms = new Float64Array(parameters.length)
  /** The reductions, each by parameter. */
  const sums = plan.reductions.map(() => new Float64Array(parameters.length))
  const clip = compileScalars(clipGraph, ['clip'])
  const works = plan.units.map((unit): UnitWork => ({
    unit,
    ...prepareNumbers(unitEntries(unit)),
    evaluate: compileScalars(
      unit.graph,
      ['average', 'metric', 'scale', 'status'].concat(unit.graph.state.map((name) => `state.${name}`)),
    ),
    sums: unit.sums.map(({ input, output, members }) => ({
      input,
      members,
      values: sums[plan.reductions.indexOf(output)]!,
    })),
    states: unit.graph.state.map((name) => `state.${name}`),
  }))
  let turn = 0

  /** A parameter's scalars at this step, but for those that are known only after a pass. */
  const scalarsOf = (index: number, steps: number): Scalars => {
    const cohort = cohorts[index]!
    const { profile, shape } = parameters[index]!
    if (cohort.turn !== turn) {
      cohort.turn = turn
      cohort.steps = steps
    } else if (cohort.steps === steps) {
      return cohort.scalars
    }
    const numbers = profiles[profile]!
    const own =
      cohort.steps === steps
        ? cohort.scalars
        : (stragglers[index] ??= Object.assign(shapeScalars({}, shape), numbers.scalars))
    for (const { input } of numbers.scheduled) own[input] = numbers.scalars[input]!
    own['step'] = steps + 1
    return own
  }

  const clipGradients = (passes: Pick<Passes<never>, 'norm'>, gradients: readonly unknown[]): void => {
    passes.norm(norms)
    for (const { clipNorm, members } of plan.clips) {
      const clipped = members.filter((index) => gradients[index] !== null)
      const normSquared = clipped.reduce((total, index) => total + norms[index]!, 0)
      const [factor] = clip({ normSquared, clipNorm }) as unknown as [number]
      for (const index of clipped) scalars[index]!['clip'] = factor
    }
  }

  const evaluateUnit = (
    work: UnitWork,
    gradients: readonly unknown[],
    state: UnitNumbers,
    step: number,
    loss: number | null,
  ): Evaluated | undefined => {
    if (work.unit.contributors.every((index) => gradients[index] === null)) return undefined
    const given = writeScalars(work.scalars, work.scheduled, step)
    for (const { input, members, values } of work.sums) {
      let total = 0
      for (const index of members) if (gradients[index] !== null) total += values[index]!
      given[input] = total
    }
    given['loss'] = loss ?? NaN
    given['average'] = state.average
    given['metricStep'] = state.steps + 1
    for (let i = 0; i < work.states.length; i++) given[work.states[i]!] = state.values[i]!
    const [average, metric, scale, status, ...values] = work.evaluate(given)
    return {
      unit: work.unit,
      dualNorm: given['dualNorm']!,
      average: average!,
      metric: metric!,
      scale: scale!,
      status: status!,
      values,
      xi: given['xi']!,
    }
  }

  const single = prepareWhole(profiles, works)
  /** A step in one call; `undefined` where it takes the passes. */
  const takeWhole = <G>(
    whole: FusedStep<G>,
    single: Single,
    gradients: readonly (G | null)[],
    state: ScalarState,
    step: number,
    loss: number | null,
  ): StepOutcome | undefined => {
    const { profile, unit, given, outcome } = single
    const { steps } = state
    const average = state.units[0]!
    const count = steps[0]!
    for (let i = 1; i < steps.length; i++) if (steps[i] !== count) return undefined
    writeScalars(unit.scalars, unit.scheduled, step)
    given.step = count + 1
    given.metricStep = average.steps + 1
    given.loss = loss ?? NaN
    given.average = average.average
    for (let i = 0; i < average.values.length; i++) given.values[i] = average.values[i]!
    const isSame = single.isWritten && profile.scheduled.length === 0 && unit.scheduled.length === 0
    if (!whole.take(gradients, given, isSame)) return undefined
    single.isWritten = true
    for (let i = 0; i < steps.length; i++) steps[i] = count + 1
    average.average = given.average
    for (let i = 0; i < average.values.length; i++) average.values[i] = given.values[i]!
    average.steps++
    const [result] = outcome.units
    result.scale = given.scale
    result.dualNorm = given.dualNorm
    result.metric = given.metric
    result.xi = unit.scalars['xi']!
    outcome.learningRate = profile.scalars['learningRate']!
    return outcome
  }

  return {
    take(passes, gradients, state, { step, loss }) {
      // Everything that can go wrong goes wrong before the first write.
      for (const { scalars, scheduled } of profiles) writeScalars(scalars, scheduled, step)
      if (single && passes.fused) {
        const outcome = takeWhole(passes.fused, single, gradients, state, step, loss)
        if (outcome) return outcome
      }
      turn++
      let count = 0
      for (let index = 0; index < gradients.length; index++) {
        if (gradients[index] === null) continue
        active[count++] = index
        scalars[index] = scalarsOf(index, state.steps[index]!)
      }
      // Only where it is another: setting the length lets go of the array's memory.
      if (active.length !== count) active.length = count
      passes.begin(active, gradients, scalars)
      if (plan.clips.length > 0) clipGradients(passes, gradients)
      passes.reduce(sums)
      const results = works.map((work, i) => evaluateUnit(work, gradients, state.units[i]!, step, loss))

      const failed = results.find((result) => result !== undefined && result.status !== stepStatus.ok)
      if (failed) {
        const error = refusal(plan.transformation, failed.unit, failed.status, {
          dualNorm: failed.dualNorm,
          loss,
        })
        if (error) throw error
      }
      const skipped = failed !== undefined || active.length === 0
      if (!skipped) {
        let last: Scalars | undefined
        for (const index of active) {
          const own = scalars[index]!
          // Neighbours mostly share theirs.
          if (own !== last) own['scale'] = results[parameters[index]!.unit]!.scale
          last = own
          state.steps[index]!++
        }
        passes.update(changes)
        results.forEach((result, i) => {
          if (result === undefined) return
          const unit = state.units[i]!
          unit.average = result.average
          unit.steps++
          for (let k = 0; k < unit.values.length; k++) unit.values[k] = result.values[k]!
          for (const { state: at, output, members } of plan.units[i]!.changes) {
            const values = changes[plan.changes.indexOf(output)]!
            let total = 0
            for (const index of members) if (gradients[index] !== null) total += values[index]!
            // A change too large to be told is none: the state would not be finite ever after.
            if (Number.isFinite(total)) unit.values[at]! += total
          }
        })
      }
      return {
        skipped,
        learningRate: profiles[0]?.scalars['learningRate'] ?? NaN,
        units: results.map((result, i) => result ?? { unit: plan.units[i]!, ...idle }),
      }
    },
  }
}

/** A unit's result, and what it keeps. */
interface Evaluated extends UnitResult {
  readonly average: number
  readonly status: number
  readonly values: readonly number[]
}

/** What steps in one call work with. */
interface Single {
  readonly profile: Numbers
  readonly unit: UnitWork
  readonly given: FusedStepNumbers
  /** One object for all steps, as making it would be a good part of a step on a few weights. */
  readonly outcome: {
    readonly skipped: false
    learningRate: number
    readonly units: readonly [{ -readonly [K in keyof UnitResult]: UnitResult[K] }]
  }
  /** Whether the engine has been given what does not hang on the step. */
  isWritten: boolean
}

/** Prepares steps in one call, where there are one profile and one unit. */
function prepareWhole(profiles: readonly Numbers[], works: readonly UnitWork[]): Single | undefined {
  const [profile, unit] = [profiles[0], works[0]]
  if (!profile || !unit || profiles.length > 1 || works.length > 1) return undefined
  const zeros = { step: 0, metricStep: 0, loss: 0, average: 0, metric: 0, scale: 0, dualNorm: 0 }
  const values = unit.states.map(() => 0)
  const given = { profile: profile.scalars, unit: unit.scalars, values, ...zeros }
  const result = { unit: unit.unit, scale: 0, dualNorm: 0, metric: 0, xi: 0 }
  const outcome = { skipped: false, learningRate: 0, units: [result] } as const
  return { profile, unit, given, outcome, isWritten: false }
}

/** Writes what does not hang on the step, and keeps the rest to be written at each. */
function prepareNumbers(entries: readonly ScalarEntry[]): Numbers {
  const scheduled = entries.filter(({ value }) => typeof value === 'function')
  const constant = entries.filter(({ value }) => typeof value !== 'function')
  return { scalars: writeScalars({}, constant, 1), scheduled }
}

/** The cohort of each parameter. */
function createCohorts(plan: StepPlan): Cohort[] {
  const cohorts = new Map<string, Cohort>()
  return plan.parameters.map(({ graph, profile, unit, clip, shape }) => {
    const readsShape = graph.nodes.some(({ name }) => name === 'rows' || name === 'columns')
    const key = [profile, unit, clip, ...(readsShape ? shape : [])].join()
    let cohort = cohorts.get(key)
    if (!cohort) cohorts.set(key, (cohort = { scalars: shapeScalars({}, shape), turn: 0, steps: 0 }))
    return cohort
  })
}
