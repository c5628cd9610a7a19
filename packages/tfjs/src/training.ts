import { decodeCheckpoint, type Checkpoint, type StepReport, type Transformation } from '@induced-metric/core'
import {
  averagedSlot,
  checkCheckpoint,
  checkLearningRate,
  checkOwnValues,
  composeCheckpoint,
  composeReport,
  disposedError,
  initialReport,
  learningRateAt,
  stepStatus,
  unsupported,
  withValues,
  type GroupOf,
  type StepPlan,
} from '@induced-metric/core/adapter'
import { checkLoss, checkVariables, lossRequired } from './checks.js'
import type { InducedOptimizerOptions } from './inducedOptimizer.js'
import { createLosses, type Losses } from './losses.js'
import { checkFit } from './matchStates.js'
import type { NamedTensor, NamedTensorMap, Scalar, TensorFlow, Variable } from './namespace.js'
import { createOpsStep } from './opsStep.js'
import { disposeReport, readReport, type PendingReport } from './pendingReport.js'
import { createPlans, type Plans } from './plans.js'
import { State } from './state.js'
import type { StepEngine } from './stepEngine.js'
import { createRefusals, type Refusals } from './stepGuard.js'
import { pairGradients, variableNamed } from './variables.js'
import { backendMemory, type BackendMemory } from './wasmMemory.js'
import { createWasmStep } from './wasmStep.js'

/** The work of an optimiser: it takes steps, reports on them, and saves and loads the state. */
export class Training {
  readonly #tf: TensorFlow
  readonly #transformation: Transformation
  readonly #options: InducedOptimizerOptions
  readonly #state: State
  readonly #plans: Plans
  readonly #losses: Losses
  readonly #refusals: Refusals
  /** The way steps are taken: in a memory, or by operations. It changes when the backend does. */
  #engine: { readonly memory: BackendMemory | undefined; readonly step: StepEngine } | undefined
  /** The plan of the latest step. */
  #plan: StepPlan | undefined
  #pending: PendingReport | undefined
  /** Whether the variables hold their averages at the moment. */
  #isAveraged = false
  #isDisposed = false

  /** @param groupOf returns the function that is the optimiser's `groupOf` now */
  constructor(
    tf: TensorFlow,
    transformation: Transformation,
    options: InducedOptimizerOptions,
    groupOf: () => GroupOf | undefined,
  ) {
    this.#tf = tf
    this.#transformation = transformation
    this.#options = options
    this.#state = new State(tf, transformation)
    this.#plans = createPlans(tf, transformation, groupOf)
    this.#losses = createLosses(tf)
    this.#refusals = createRefusals(tf, transformation, this.#state)
  }

  get step(): number {
    return this.#state.step
  }

  get learningRate(): number {
    return learningRateAt(this.#transformation, this.#state.learningRate, this.#state.step + 1)
  }

  set learningRate(value: number) {
    this.checkAlive()
    checkLearningRate(value)
    this.#state.learningRate = value
  }

  /** Remembers the loss that gradients were computed with. */
  rememberLoss(loss: Scalar, gradients: NamedTensorMap): void {
    this.#losses.remember(loss, gradients)
  }

  applyGradients(gradients: NamedTensorMap | NamedTensor[], givenLoss: Scalar | number | undefined): void {
    this.checkAlive()
    checkOwnValues('applyGradients', this.#isAveraged)
    const pairs = pairGradients(this.#tf, gradients)
    const plan = this.#plans.of(pairs.map(({ variable }) => variable))
    checkLoss(this.#tf, givenLoss)
    const loss = givenLoss ?? this.#losses.of(pairs)
    if (loss === undefined && plan.needsLoss) throw lossRequired(plan)
    this.#state.ensure(plan)
    const engine = this.#stepEngine()
    this.#tf.tidy(() => {
      const report = engine.take(plan, pairs, loss)
      disposeReport(this.#pending)
      this.#pending = report
      this.#plan = plan
      if (report.skipped) this.#state.skippedSteps++
      else this.#state.step++
    })
    this.#losses.release(pairs)
  }

  #stepEngine(): StepEngine {
    const memory = this.#stepMemory()
    if (this.#engine === undefined || this.#engine.memory !== memory) {
      this.#engine?.step.dispose()
      const guards = {
        transformation: this.#transformation,
        stepGuard: this.#options.stepGuard,
        refusals: this.#refusals,
      }
      const step = memory ? createWasmStep(memory, this.#state) : createOpsStep(this.#tf, this.#state, guards)
      this.#engine = { memory, step }
    }
    return this.#engine.step
  }

  /** The memory in which compiled loops take the steps; `undefined` where operations take them. */
  #stepMemory(): BackendMemory | undefined {
    const { engine = 'auto', stepGuard } = this.#options
    if (engine === 'ops' || (engine === 'auto' && stepGuard === 'device')) return undefined
    const memory = backendMemory(this.#tf)
    if (memory === undefined && engine === 'wasm') {
      throw unsupported(
        `there are no compiled loops, or no memory for them, on the ${this.#tf.getBackend()} backend; use engine: 'auto' or 'ops'`,
      )
    }
    return memory
  }

  async report(): Promise<StepReport> {
    this.checkAlive()
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
  async #settle(pending: PendingReport): ReturnType<typeof readReport> {
    const report = await readReport(this.#tf, pending)
    await this.#refusals.settle(report)
    return report
  }

  withAveragedWeights<R>(evaluate: () => R): R {
    this.checkAlive()
    checkOwnValues('withAveragedWeights', this.#isAveraged)
    const tf = this.#tf
    const averaged = [...this.#state.variables].flatMap(([name, { steps, slots }]) => {
      const average = slots[averagedSlot]
      return steps > 0 && average ? [{ variable: variableNamed(tf, name), average }] : []
    })
    const own = averaged.map(({ variable }) => tf.keep(variable.clone()))
    return withValues(
      () => {
        this.#isAveraged = true
        // A copy, as slots may be updated in place.
        for (const { variable, average } of averaged) tf.tidy(() => variable.assign(tf.add(average, 0)))
      },
      evaluate,
      () => {
        this.#isAveraged = false
        averaged.forEach(({ variable }, i) => variable.assign(own[i]!))
        tf.dispose(own)
      },
    )
  }

  async save(): Promise<Checkpoint> {
    this.checkAlive()
    if (this.#pending) await this.#settle(this.#pending)
    const { step, skippedSteps, learningRate } = this.#state
    const hash = this.#hash()
    return composeCheckpoint({ hash, step, skippedSteps, learningRate, ...(await this.#state.save()) })
  }

  /** Structural hash of everything that is saved, whichever variables the latest step trained. */
  #hash(): string {
    const { loadedHash, variables } = this.#state
    return loadedHash ?? this.#plans.of([...variables].map(([name, { shape }]) => ({ name, shape }))).hash
  }

  load(given: Checkpoint | Uint8Array, variables: readonly Variable[] | undefined): void {
    this.checkAlive()
    const checkpoint = given instanceof Uint8Array ? decodeCheckpoint(given) : given
    checkCheckpoint(checkpoint)
    if (variables !== undefined) checkVariables(variables)
    const known = variables ?? this.#plan?.parameters.map(({ name }) => variableNamed(this.#tf, name))
    if (known) checkFit(this.#plans.of(known), checkpoint)
    this.#release()
    this.#state.replace(checkpoint)
  }

  reset(): void {
    this.checkAlive()
    checkOwnValues('reset', this.#isAveraged)
    this.#release()
    this.#state.reset()
  }

  /** Throws ERR_DISPOSED once the optimiser is disposed of. */
  checkAlive(): void {
    if (this.#isDisposed) throw disposedError()
  }

  dispose(): void {
    if (this.#isDisposed) return
    this.#release()
    this.#engine?.step.dispose()
    this.#isDisposed = true
  }

  /** Disposes of everything that depends on the state. */
  #release(): void {
    disposeReport(this.#pending)
    this.#refusals.dispose()
    this.#losses.dispose()
    this.#state.dispose()
    this.#pending = this.#plan = undefined
  }
}
