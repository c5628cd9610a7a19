import { decodeCheckpoint } from '../checkpoint/bytes.js'
import { checkCheckpoint, composeCheckpoint, type Checkpoint } from '../checkpoint/checkpoint.js'
import { checkAccumulation } from '../checkpoint/match.js'
import { disposedError, optionError } from '../errors.js'
import { lossRequired } from '../step/checks.js'
import { checkLearningRate, learningRateAt } from '../step/learningRate.js'
import { stepStatus } from '../step/metricGraph.js'
import type { StepPlan } from '../step/plan.js'
import { composeReport, initialReport, type StepReport } from '../step/report.js'
import { checkOwnValues, withValues } from '../step/withValues.js'
import type { GroupOf } from '../transformation/groups.js'
import type { Transformation } from '../transformation/types.js'
import { createAccumulation, type Accumulation } from './accumulation.js'
import type { VariableBackend, VariableGradient, VariableInfo } from './backend.js'
import { Engines } from './engines.js'
import { evaluationWeights } from './evaluation.js'
import { createLosses, type Losses } from './losses.js'
import { checkFit } from './matchStates.js'
import { disposeReport, readReport, type PendingReport } from './pendingReport.js'
import { Places, type PlaceOptions } from './places.js'
import { createPlans, type Plans } from './plans.js'
import { createRefusals, type Refusals } from './refusals.js'
import { State } from './state.js'

/** The options of a {@link VariableOptimizer}. */
export interface VariableOptimizerOptions extends PlaceOptions {
  /** Returns the function that puts variables into groups now; it may be another at each step. */
  readonly groupOf?: () => GroupOf | undefined
}

/**
 * An induced-metric optimiser for frameworks whose variables have names, and whose optimisers meet variables only when they
 * train them. It takes steps, reports on them, and saves and loads the state. Any set of variables may be trained at a step.
 *
 * If a framework has a fixed list of parameters and the host reads one number per step, use `createTensorOptimizer`.
 *
 * @example
 * ```ts no-run
 * import { adam, inducedMetric } from '@induced-metric/core'
 * import { VariableOptimizer, type VariableBackend } from '@induced-metric/core/adapter'
 *
 * interface Tensor { readonly shape: number[] } // the framework's
 * declare const backend: VariableBackend<Tensor>
 * declare const [weights, gradient]: [Tensor, Tensor]
 *
 * const optimizer = new VariableOptimizer(inducedMetric(adam(), { learningRate: 0.01 }), backend)
 * optimizer.step([{ name: 'weights', shape: [10, 3], variable: weights, gradient }])
 * console.log((await optimizer.report()).scale)
 * ```
 */
export class VariableOptimizer<T extends object> {
  readonly #backend: VariableBackend<T>
  readonly #transformation: Transformation
  readonly #state: State<T>
  /** `undefined` where every step is an update. */
  readonly #accumulation: Accumulation<T> | undefined
  readonly #plans: Plans
  readonly #losses: Losses<T>
  readonly #refusals: Refusals<T>
  readonly #engines: Engines<T>
  /** The plan of the latest step. */
  #plan: StepPlan | undefined
  #pending: PendingReport<T | number> | undefined
  /** Whether the variables hold their averages at the moment. */
  #isAveraged = false
  #isDisposed = false

  /**
   * @param transformation the result of `inducedMetric`
   * @param backend the framework
   */
  constructor(
    transformation: Transformation,
    backend: VariableBackend<T>,
    { groupOf = () => undefined, ...options }: VariableOptimizerOptions = {},
  ) {
    this.#backend = backend
    this.#transformation = transformation
    this.#state = new State(backend, transformation)
    const { accumulate } = transformation
    this.#accumulation = accumulate > 1 ? createAccumulation(backend, this.#state, accumulate) : undefined
    this.#plans = createPlans(backend, transformation, groupOf)
    this.#losses = createLosses(backend)
    this.#refusals = createRefusals(backend, transformation, this.#state)
    const guards = { transformation, places: new Places(backend, options), refusals: this.#refusals }
    this.#engines = new Engines(backend, this.#state, guards, () => this.#planOfAll())
  }

  /** The number of steps taken. Steps that the device refused count until a report is read. */
  get steps(): number {
    return this.#state.step
  }

  /**
   * The learning rate of the next step; with a schedule, its value there. Setting a number ≥ 0 replaces the
   * transformation's number or schedule from the next step on.
   *
   * @throws ERR_OPTION when it is set to anything else; then nothing has changed. ERR_DISPOSED
   */
  get learningRate(): number {
    return learningRateAt(this.#transformation, this.#state.learningRate, this.#state.step + 1)
  }

  set learningRate(value: number) {
    this.checkAlive()
    checkLearningRate(value)
    this.#state.learningRate = value
  }

  /** Remembers the loss that gradients were computed with, for the step that is given these gradients and no loss. */
  rememberLoss(loss: T, gradients: readonly (T | null | undefined)[]): void {
    this.#losses.remember(loss, gradients)
  }

  /** Throws ERR_DISPOSED once the optimiser is disposed of. */
  checkAlive(): void {
    if (this.#isDisposed) throw disposedError()
  }

  /**
   * Throws unless a step can be taken now.
   *
   * @param what the framework's name for the step
   * @throws ERR_DISPOSED; ERR_OPTION while variables hold their averages
   */
  checkReady(what: string): void {
    this.checkAlive()
    checkOwnValues(what, this.#isAveraged)
  }

  /**
   * Takes one step: gives every variable that has a gradient a new value.
   *
   * @param pairs variables and gradients, of float32 and of the shapes that they say
   * @param givenLoss L at the variables before the step, if it is not the one remembered
   * @throws ERR_OPTION, ERR_SHAPE, ERR_LOSS_REQUIRED, ERR_CHECKPOINT, ERR_DISPOSED; where the host decides, ERR_BAD_LOSS and
   *   ERR_NON_FINITE. After any of them variables and slots are as before, bit for bit.
   */
  step(pairs: readonly VariableGradient<T>[], givenLoss?: T | number): void {
    this.checkReady('step')
    const plan = this.#plans.of(pairs)
    const loss = givenLoss ?? this.#losses.of(pairs)
    if (loss === undefined && plan.needsLoss) throw lossRequired(plan, `, ${this.#backend.lossRequired}`)
    this.#state.ensure(plan)
    this.#backend.scope(() => {
      if (this.#accumulation === undefined) this.#update(plan, pairs, loss)
      else {
        const mean = this.#accumulation.add(pairs, loss)
        this.#plan = plan
        if (mean) this.#update(this.#plans.of(mean.pairs), mean.pairs, mean.loss)
      }
    })
    this.#losses.release(pairs)
  }

  #update(plan: StepPlan, pairs: readonly VariableGradient<T>[], loss: T | number | undefined): void {
    this.#state.ensure(plan)
    const report = this.#engines.of(plan).take(plan, pairs, loss)
    disposeReport(this.#backend, this.#pending)
    this.#pending = report
    this.#plan = plan
    if (report.skipped) this.#state.skippedSteps++
    else this.#state.step++
  }

  /**
   * Reports on the latest step.
   *
   * @throws ERR_BAD_LOSS, ERR_NON_FINITE where the device refused a step since the last report and the transformation says
   *   `'throw'`. ERR_DISPOSED
   */
  async report(): Promise<StepReport> {
    this.checkAlive()
    const report = await this.#latest()
    return this.#accumulation ? this.#accumulation.report(report) : report
  }

  /** The report of the latest update. */
  async #latest(): Promise<StepReport> {
    const state = this.#state
    if (!this.#pending) return { ...initialReport, step: state.step, skippedSteps: state.skippedSteps }
    const { loss, skipped, learningRate, units } = await this.#settle(this.#pending)
    return composeReport({
      step: state.step,
      loss,
      skipped: skipped || units.some(({ status }) => status !== stepStatus.ok),
      skippedSteps: state.skippedSteps,
      learningRate,
      units,
    })
  }

  /** Reads a report, and learns which steps the device refused. */
  async #settle(pending: PendingReport<T | number>): Promise<PendingReport<number>> {
    const report = await readReport(this.#backend, pending)
    await this.#refusals.settle(report)
    return report
  }

  /**
   * Runs a function while the variables hold the weights to evaluate with, if they are others than their own values
   * (`averageWeights`, or a base that has such weights). Restores their own values when the function has returned or its
   * promise is settled.
   *
   * @returns the result of the function
   */
  withEvaluationWeights<R>(evaluate: () => R): R {
    this.checkReady('withEvaluationWeights')
    const backend = this.#backend
    const evaluated = evaluationWeights(this.#planOfAll(), backend, this.#state)
    const own = evaluated.map(({ variable }) => backend.keep(backend.clone(variable)))
    return withValues(
      () => {
        this.#isAveraged = true
        for (const { variable, weights } of evaluated) {
          backend.assign(variable, weights)
          backend.dispose(weights)
        }
      },
      evaluate,
      () => {
        this.#isAveraged = false
        evaluated.forEach(({ variable }, i) => backend.assign(variable, own[i]!))
        own.forEach((value) => backend.dispose(value))
      },
    )
  }

  /** The plan of all variables that have been trained. */
  #planOfAll(): StepPlan {
    return this.#plans.of([...this.#state.variables].map(([name, { shape }]) => ({ name, shape })))
  }

  /** Returns a copy of the state, read from the device. */
  async save(): Promise<Checkpoint> {
    this.checkAlive()
    if (this.#pending) await this.#settle(this.#pending)
    const hash = this.#hash()
    return composeCheckpoint({ hash, ...(await this.#state.save(this.#refusals.read())) })
  }

  /** Structural hash of everything that is saved, whichever variables the latest step trained. */
  #hash(): string {
    return this.#state.loadedHash ?? this.#planOfAll().hash
  }

  /**
   * Continues from a saved state. States are matched to variables by name, else by the stem of their name, else by position
   * and shape; at once for the variables that are given or were trained last, and for all others when they are first trained.
   *
   * @param variables those that will be trained
   * @throws ERR_CHECKPOINT when it does not fit; then nothing has changed. ERR_OPTION, ERR_SHAPE, ERR_DISPOSED
   */
  load(given: Checkpoint | Uint8Array, variables?: readonly VariableInfo[]): void {
    this.checkAlive()
    const checkpoint = given instanceof Uint8Array ? decodeCheckpoint(given) : given
    checkCheckpoint(checkpoint)
    checkAccumulation(this.#transformation, checkpoint)
    if (variables !== undefined) checkVariables(variables)
    const known = variables ?? this.#trainedLast()
    if (known) checkFit(this.#plans.of(known), checkpoint, this.#backend.stemOf)
    this.#release()
    this.#state.replace(checkpoint)
  }

  /** The variables of the latest step that the framework still has, as they are now; `undefined` for none. */
  #trainedLast(): VariableInfo[] | undefined {
    const existing = new Map(this.#backend.variables().map((variable) => [variable.name, variable]))
    const found = this.#plan?.parameters.flatMap(({ name }) => existing.get(name) ?? []) ?? []
    return found.length > 0 ? found : undefined
  }

  /**
   * Returns to the state before the first step, and to the transformation's learning rate. The variables keep their values.
   *
   * @throws ERR_OPTION while variables hold their averages; ERR_DISPOSED
   */
  reset(): void {
    this.checkReady('reset')
    this.#release()
    this.#state.reset()
  }

  /** Frees the state. Every later call throws ERR_DISPOSED. */
  dispose(): void {
    if (this.#isDisposed) return
    this.#release()
    this.#engines.dispose()
    this.#isDisposed = true
  }

  /** Disposes of everything that depends on the state. */
  #release(): void {
    disposeReport(this.#backend, this.#pending)
    this.#refusals.dispose()
    this.#losses.dispose()
    this.#state.dispose()
    this.#pending = this.#plan = undefined
  }
}

/** Throws ERR_OPTION unless these are variables. */
function checkVariables(variables: readonly VariableInfo[]): void {
  const isVariable = (value?: Partial<VariableInfo> | null): boolean =>
    typeof value?.name === 'string' && Array.isArray(value.shape)
  if (Array.isArray(variables) && variables.every(isVariable)) return
  throw optionError('load takes an array of variables, as in load(checkpoint, [kernel, bias])')
}
