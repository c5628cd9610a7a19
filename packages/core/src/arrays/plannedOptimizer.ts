import type { Checkpoint } from '../checkpoint/checkpoint.js'
import { matchCheckpoint, checkpointOf } from '../checkpoint/match.js'
import { elementType, type Slots, type TypedArray } from '../dtype.js'
import type { Engine } from '../engines/engine.js'
import { evaluationWeights } from '../engines/reference/evaluation.js'
import { disposedError } from '../errors.js'
import { checkLoss, checkSpelling } from '../step/checks.js'
import { fillSlot, initialSlots } from '../step/initialSlots.js'
import { checkLearningRate, learningRateAt, withLearningRate } from '../step/learningRate.js'
import { planStep, type StepPlan } from '../step/plan.js'
import { initialProfile } from '../step/scalarState.js'
import { composeReport, initialReport, restoredReport, type StepReport } from '../step/report.js'
import { initialState, initialUnit, type ScalarState } from '../step/scalarState.js'
import { createStepper, type Stepper } from '../step/stepper.js'
import { checkOwnValues, withValues } from '../step/withValues.js'
import type { RestOfModel } from '../transformation/namesInOptions.js'
import type { ParameterInfo } from '../transformation/types.js'
import { accumulatedSlot, nothingAccumulated, waitingReport } from '../step/accumulation.js'
import { Accumulator } from './accumulator.js'
import { checkApart, checkData, checkGradients, checkList } from './checks.js'
import type { Optimizer, OptimizerParameter, Parameter } from './types.js'

/**
 * The properties of a parameter that a plan keeps. Its array is not among them, so that a plan does not keep it alive.
 *
 * @throws ERR_OPTION for a misspelt property
 */
export function infoOf(parameter: ParameterInfo): ParameterInfo {
  // The plan rejects a value that is not an object.
  if (typeof parameter !== 'object' || parameter === null) return parameter
  checkSpelling(parameter)
  const { name, shape, group, rowsAre } = parameter
  return { name, shape, ...(group !== undefined && { group }), ...(rowsAre !== undefined && { rowsAre }) }
}

/** An optimiser over arrays: a plan, the engine that runs it, and the numbers between steps. */
export class PlannedOptimizer implements Optimizer {
  parameters: readonly OptimizerParameter[] = []
  gradients: readonly OptimizerParameter[] = []
  readonly engine: Engine['kind']
  #state: ScalarState = { steps: [], units: [], profiles: [] }
  readonly #rest: RestOfModel
  #plan: StepPlan
  #stepper: Stepper
  #engine: Engine | undefined
  /** Finds the parameters after `dispose`. */
  #left: ReturnType<Engine['dispose']> | undefined
  #report: StepReport = initialReport
  #fixedRate: number | undefined
  /** `undefined` where every call of `step` is an update. */
  readonly #accumulator: Accumulator | undefined
  /** Whether the parameters currently hold their averages. */
  #isAveraged = false

  constructor(plan: StepPlan, rest: RestOfModel, engine: Engine, parameters: readonly Parameter[]) {
    this.#plan = plan
    this.#rest = rest
    this.#engine = engine
    this.engine = engine.kind
    this.#stepper = createStepper(plan)
    const { accumulate } = plan.transformation
    this.#accumulator = accumulate > 1 ? new Accumulator(accumulate) : undefined
    this.#takeOn(parameters)
  }

  add(parameters: readonly Parameter[]): void {
    const engine = this.#alive()
    checkList(parameters)
    const { transformation, parameters: before } = this.#plan
    const plan = planStep(transformation, [...before, ...parameters].map(infoOf), this.#rest)
    checkData(parameters)
    checkApart([...this.parameters, ...parameters])
    const another = engine.add(
      plan,
      parameters.map(({ data }) => data),
      initialSlots(plan).slice(before.length),
    )
    if (another) this.#engine = another
    this.#plan = plan
    this.#fix(this.#fixedRate)
    this.#takeOn(parameters)
  }

  get learningRate(): number {
    return learningRateAt(this.#plan.transformation, this.#fixedRate, this.#report.step + 1)
  }

  set learningRate(value: number) {
    this.#alive()
    checkLearningRate(value)
    this.#fix(value)
  }

  get fixedLearningRate(): number | undefined {
    return this.#fixedRate
  }

  #fix(rate: number | undefined): void {
    this.#fixedRate = rate
    this.#stepper = createStepper(withLearningRate(this.#plan, rate))
  }

  /** Adds parameters that the engine already has. */
  #takeOn(added: readonly Parameter[]): void {
    const { steps, units, profiles } = this.#state
    const first = steps.length
    const live = (arrayOf: (index: number) => TypedArray) =>
      added.map((parameter, i): OptimizerParameter => ({
        ...parameter,
        get data() {
          return arrayOf(first + i)
        },
      }))
    const parameterOf = (index: number) => (this.#left?.() ?? this.#engine!.arrays().parameters)[index]!
    const gradientOf = (index: number) => this.#alive().arrays('gradients').gradients[index]!
    this.parameters = [...this.parameters, ...live(parameterOf)]
    this.gradients = [...this.gradients, ...live(gradientOf)]
    steps.push(...added.map(() => 0))
    units.push(...this.#plan.units.slice(units.length).map(initialUnit))
    profiles.push(...this.#plan.profiles.slice(profiles.length).map(initialProfile))
  }

  get report(): StepReport {
    return this.#report
  }

  get slots(): readonly Slots[] {
    return this.#alive().arrays('slots').slots
  }

  step(gradients: readonly (TypedArray | null)[], options: { readonly loss?: number } = {}): StepReport {
    const engine = this.#alive()
    checkOwnValues('step', this.#isAveraged)
    checkGradients(gradients, this.parameters, engine.arrays())
    const loss = checkLoss(this.#plan, options)
    const accumulator = this.#accumulator
    if (accumulator === undefined) return this.#update(engine, gradients, loss)
    const mean = accumulator.add(gradients, loss)
    if (mean === undefined) {
      return (this.#report = waitingReport(this.#report, accumulator.accumulated))
    }
    try {
      this.#update(engine, mean.gradients, mean.loss)
    } finally {
      this.#report = this.#withCalls(this.#report)
    }
    return this.#report
  }

  #update(engine: Engine, gradients: readonly (TypedArray | null)[], loss: number | undefined): StepReport {
    const step = this.#report.step + 1
    const { skipped, learningRate, units } = this.#stepper.take(engine, gradients, this.#state, {
      step,
      loss,
    })
    return (this.#report = composeReport({
      step: skipped ? step - 1 : step,
      loss,
      skipped,
      skippedSteps: this.#report.skippedSteps + (skipped ? 1 : 0),
      learningRate,
      units,
    }))
  }

  withEvaluationWeights<R>(evaluate: () => R): R {
    const engine = this.#alive()
    const { parameters, slots } = engine.arrays()
    const averaged = this.parameters.flatMap((_, index) => {
      const weights = evaluationWeights(this.#plan, index, {
        parameter: parameters[index]!,
        slots: slots[index]!,
        steps: this.#state.steps[index]!,
        step: this.#report.step,
      })
      return weights ? [{ index, weights, own: this.parameters[index]!.data.slice() }] : []
    })
    return withValues(
      () => {
        checkOwnValues('withEvaluationWeights', this.#isAveraged)
        for (const { index, weights } of averaged) this.parameters[index]!.data.set(weights)
        this.#isAveraged = true
      },
      evaluate,
      () => {
        this.#isAveraged = false
        for (const { index, own } of averaged) this.parameters[index]!.data.set(own)
      },
    )
  }

  save(): Checkpoint {
    const arrays = this.#alive().arrays()
    const { step, skippedSteps } = this.#report
    const accumulator = this.#accumulator
    const accumulated = accumulator?.accumulated
    const numbers = { ...this.#state, step, skippedSteps, learningRate: this.#fixedRate, accumulated }
    return checkpointOf(this.#plan, numbers, (index) => {
      const slots = Object.entries(arrays.slots[index]!).map(([name, slot]) => [name, slot.slice()] as const)
      const sum = accumulator?.sumOf(index)
      if (sum !== undefined) slots.push([accumulatedSlot, sum.slice()])
      return { dtype: elementType(arrays.parameters[index])!, slots: Object.fromEntries(slots) }
    })
  }

  load(given: Checkpoint | Uint8Array): void {
    const arrays = this.#alive().arrays()
    const { checkpoint, states, units, profiles, accumulated, sums } = matchCheckpoint(
      this.#plan,
      given,
      (index) => elementType(arrays.parameters[index])!,
    )
    states.forEach((state, index) => {
      for (const [slot, data] of Object.entries(arrays.slots[index]!)) data.set(state.slots[slot]!)
      this.#state.steps[index] = state.steps
    })
    units.forEach((unit, i) => Object.assign(this.#state.units[i]!, unit))
    profiles.forEach((profile, i) => Object.assign(this.#state.profiles[i]!, profile))
    this.#fix(checkpoint.learningRate)
    this.#accumulator?.restore(accumulated, sums)
    this.#report = this.#withCalls(restoredReport(this.#report, checkpoint))
  }

  reset(): void {
    const { slots } = this.#alive().arrays()
    checkOwnValues('reset', this.#isAveraged)
    initialSlots(this.#plan).forEach((values, index) => {
      for (const [name, value] of Object.entries(values)) fillSlot(slots[index]![name]!, value)
    })
    this.#state = initialState(this.#plan)
    this.#fix(undefined)
    this.#accumulator?.restore(nothingAccumulated, [])
    this.#report = initialReport
  }

  /** A report with the number of calls that wait for the rest of their update, where there is such a thing. */
  #withCalls(report: StepReport): StepReport {
    return this.#accumulator ? { ...report, accumulated: this.#accumulator.accumulated.calls } : report
  }

  dispose(): void {
    if (!this.#engine) return
    this.#left = this.#engine.dispose()
    this.#engine = undefined
  }

  #alive(): Engine {
    if (this.#engine) return this.#engine
    throw disposedError()
  }
}
