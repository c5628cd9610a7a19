import type { Checkpoint } from '../checkpoint/checkpoint.js'
import { disposedError, InducedMetricError, isList, optionError, show } from '../errors.js'
import type { TensorBackend } from './backend.js'
import { planStep } from '../step/plan.js'
import { initialReport, restoredReport, type StepReport } from '../step/report.js'
import { checkShape } from './checks.js'
import { createPlannedStep } from './plannedStep.js'
import type { TensorState } from './state.js'
import type { TensorStep } from './step.js'
import type { ParameterInfo, Transformation } from '../transformation/types.js'
import { checkOwnValues, withValues } from '../step/withValues.js'

/** A parameter whose values are a tensor of a framework. */
export interface TensorParameter<T> extends ParameterInfo {
  /** Returns the current tensor. */
  get(): T
  /** Replaces the tensor by a new one of the same shape. The framework owns both, and frees the old one if it frees any. */
  set(value: T): void
}

/** An induced-metric optimiser over tensors of a framework. */
export interface TensorOptimizer<T> {
  /**
   * Takes one step: sets every parameter that has a gradient to a new tensor.
   *
   * @param gradients ∂L/∂θ, with the parameters' shapes and in their order; `null` leaves a parameter unchanged. The caller
   *   still owns them
   * @param options `loss`: L at the parameters before the step; required by `log` and `logDamped`
   * @throws ERR_SHAPE, ERR_LOSS_REQUIRED, ERR_BAD_LOSS, ERR_NON_FINITE with `onNonFinite: 'throw'`, ERR_OPTION when a
   *   schedule leaves its range, ERR_DISPOSED. After any of them parameters and slots are as before, bit for bit.
   */
  step(gradients: readonly (T | null)[], options?: { readonly loss?: number }): StepReport
  /** The report of the latest step; before the first, a report with `step: 0`. */
  readonly report: StepReport
  /**
   * The learning rate of the next step; the value there, if it is on a schedule. Setting a number ≥ 0 replaces the
   * transformation's learning rate from the next step on. A group with a different learning rate keeps it. Checkpoints store
   * the number.
   *
   * @throws ERR_OPTION when it is set to anything else; then nothing has changed
   */
  learningRate: number
  /**
   * Runs a function while the parameters hold the weights to evaluate with, if they are others (`averageWeights`, or a base
   * that has such weights). Restores their own values when the function has returned or its promise is settled.
   *
   * @param evaluate uses these weights; it must neither take steps nor change the tensors
   * @returns the result of the function
   */
  withEvaluationWeights<R>(evaluate: () => R): R
  /** Returns a copy of the optimiser's state, read from the device. `load` accepts it, here and in other adapters. */
  save(): Checkpoint
  /**
   * Continues from a saved state. It does not contain the parameters themselves.
   *
   * @throws ERR_CHECKPOINT when it belongs to another transformation or to other parameters; then nothing has changed
   */
  load(checkpoint: Checkpoint | Uint8Array): void
  /**
   * Returns to the state before the first step: slots, averages, step counts, the report, and the transformation's learning
   * rate in place of one that was set. The parameters keep their tensors.
   *
   * @throws ERR_OPTION within `withEvaluationWeights`; ERR_DISPOSED
   */
  reset(): void
  /** Frees the slots; every later call throws ERR_DISPOSED. */
  dispose(): void
}

/**
 * Creates an optimiser over tensors of a framework, from a table of that framework's operations. The framework does all the
 * work on tensors, on the device that holds them. The host reads one number per step, from which it computes ρ.
 *
 * @param transformation the result of `inducedMetric`
 * @param parameters their names, shapes and tensors
 * @param backend the framework's operations
 * @throws ERR_OPTION for an invalid option or a name used twice; ERR_SHAPE when a tensor has another shape than its parameter
 *
 * @example
 * ```ts no-run
 * import { adam, inducedMetric } from '@induced-metric/core'
 * import { createTensorOptimizer, type TensorBackend } from '@induced-metric/core/adapter'
 *
 * interface Tensor { readonly shape: number[] } // the framework's
 * declare const backend: TensorBackend<Tensor>
 * declare let weights: Tensor
 * declare function gradient(of: Tensor): Tensor
 *
 * const optimizer = createTensorOptimizer(
 *   inducedMetric(adam(), { learningRate: 0.01 }),
 *   [{ name: 'weights', shape: [10, 3], get: () => weights, set: (value) => void (weights = value) }],
 *   backend,
 * )
 * optimizer.step([gradient(weights)])
 * ```
 */
export function createTensorOptimizer<T extends object>(
  transformation: Transformation,
  parameters: readonly TensorParameter<T>[],
  backend: TensorBackend<T>,
): TensorOptimizer<T> {
  if (!isList(parameters)) throw optionError(`parameters must be an array, given ${show(parameters)}`)
  const plan = planStep(transformation, parameters)
  parameters.forEach((parameter) => checkShape('parameter', parameter, backend.shape(parameter.get())))
  const dtypes = parameters.map((parameter) => backend.dtype(parameter.get()))
  const steps = createPlannedStep(plan, dtypes, backend, 'parameter')
  const held = holdState(steps, backend)
  let report = initialReport
  let disposed = false
  let isAveraged = false

  const checkAlive = (): void => {
    if (disposed) throw disposedError()
  }
  return {
    get report() {
      return report
    },
    get learningRate() {
      return steps.learningRate(held.state)
    },
    set learningRate(value) {
      checkAlive()
      held.replace(steps.withLearningRate(held.state, value))
    },
    step(gradients, options) {
      checkAlive()
      checkOwnValues('step', isAveraged)
      const values = parameters.map((parameter) => parameter.get())
      try {
        const result = steps.take(values, gradients, held.state, options)
        result.values.forEach((value, index) => {
          if (value !== null) parameters[index]!.set(value)
        })
        held.replace(result.state)
        return (report = result.report)
      } catch (error) {
        if (!isRefusal(error)) throw error
        // The calls that wait for an update are lost with it.
        held.replace(steps.abandon(held.state))
        report = { ...report, ...steps.counts(held.state) }
        throw error
      }
    },
    withEvaluationWeights(evaluate) {
      checkAlive()
      checkOwnValues('withEvaluationWeights', isAveraged)
      const values = parameters.map((parameter) => parameter.get())
      return withTensors(parameters, steps.evaluation(held.state, values), evaluate, {
        copy: (tensor) => backend.reshape(tensor, backend.shape(tensor)),
        mark: (areExchanged) => (isAveraged = areExchanged),
      })
    },
    save() {
      checkAlive()
      return steps.save(held.state)
    },
    load(given) {
      checkAlive()
      held.replace(steps.load(given))
      const counts = steps.counts(held.state)
      report = { ...restoredReport(report, counts), ...counts }
    },
    reset() {
      checkAlive()
      checkOwnValues('reset', isAveraged)
      held.replace(steps.init())
      report = initialReport
    },
    dispose() {
      if (disposed) return
      disposed = true
      held.free()
    },
  }
}

/** Holds the state of an optimiser, and frees its tensors. */
function holdState<T extends object>(steps: TensorStep<T>, backend: Pick<TensorBackend<T>, 'dispose'>) {
  const tensorsOf = ({ slots }: TensorState<T>): T[] => slots.flatMap((own) => Object.values(own))
  let state = steps.init()
  const freeAllBut = (kept: ReadonlySet<T>): void => {
    for (const tensor of tensorsOf(state)) if (!kept.has(tensor)) backend.dispose?.(tensor)
  }
  return {
    get state() {
      return state
    },
    /** Puts another state in its place. */
    replace(next: TensorState<T>): void {
      freeAllBut(new Set(tensorsOf(next)))
      state = next
    },
    free: () => freeAllBut(new Set()),
  }
}

/** Whether an error says that an update was refused for its numbers. */
function isRefusal(error: unknown): boolean {
  if (!(error instanceof InducedMetricError)) return false
  return error.code === 'ERR_NON_FINITE' || error.code === 'ERR_BAD_LOSS'
}

/**
 * Runs a function while parameters hold other tensors.
 *
 * @param tensors by parameter, new ones; `undefined` where it keeps its own
 * @param copy copies a tensor, as a framework frees the one that it is to replace
 * @param mark is told when they begin, and cease, to hold others
 */
function withTensors<T, R>(
  parameters: readonly TensorParameter<T>[],
  tensors: readonly (T | undefined)[],
  use: () => R,
  { copy, mark }: { readonly copy: (tensor: T) => T; readonly mark: (areExchanged: boolean) => void },
): R {
  const own = tensors.map((tensor, index) => tensor && copy(parameters[index]!.get()))
  const put = (given: readonly (T | undefined)[]): void =>
    given.forEach((tensor, index) => tensor && parameters[index]!.set(tensor))
  return withValues(
    () => {
      mark(true)
      put(tensors)
    },
    use,
    () => {
      mark(false)
      put(own)
    },
  )
}
