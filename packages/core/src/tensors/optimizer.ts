import type { Checkpoint } from '../checkpoint/checkpoint.js'
import { InducedMetricError, isList, show } from '../errors.js'
import { learningRateAt } from '../step/learningRate.js'
import type { TensorBackend } from './evaluate.js'
import { planStep } from '../step/plan.js'
import { initialReport, restoredReport, type StepReport } from '../step/report.js'
import { checkShape, createPlannedStep, unpackNumbers } from './step.js'
import type { ParameterInfo, Transformation } from '../transformation/types.js'
import { checkOwnValues, withValues } from '../step/withValues.js'

/** A parameter whose values are a tensor of the framework's. */
export interface TensorParameter<T> extends ParameterInfo {
  /** The tensor as it stands. */
  get(): T
  /** Puts a new tensor, of the same shape, in its place; it is the framework's from then on, to be freed by it. */
  set(value: T): void
}

/** An induced-metric optimiser over tensors of a framework. */
export interface TensorOptimizer<T> {
  /**
   * Takes one step: sets every parameter that has a gradient to a new tensor.
   *
   * @param gradients ∂L/∂θ, of the parameters' shapes, in their order; `null` leaves a parameter alone. They remain the
   *   caller's
   * @param options `loss`: L at the parameters before the step; required by `log` and `logDamped`
   * @throws ERR_SHAPE, ERR_LOSS_REQUIRED, ERR_BAD_LOSS, ERR_NON_FINITE with `onNonFinite: 'throw'`, ERR_OPTION when a
   *   schedule leaves its range, ERR_DISPOSED. After any of them parameters and slots are as before, bit for bit.
   */
  step(gradients: readonly (T | null)[], options?: { readonly loss?: number }): StepReport
  /** What the latest step did; before the first, a report with `step: 0`. */
  readonly report: StepReport
  /**
   * The learning rate of the next step, of a schedule its value there. A number ≥ 0 that is set takes the place of the
   * transformation's from the next step on; a group with another one of its own keeps that. Checkpoints hold it.
   *
   * @throws ERR_OPTION when anything else is set, and nothing has changed
   */
  learningRate: number
  /**
   * Runs a function while the parameters are their averages, where the transformation keeps any (`averageWeights`), and puts
   * their own tensors back when it has returned or its promise is settled.
   *
   * @param evaluate works with the averages; it must not take steps, and leaves the tensors alone
   * @returns what the function returned
   */
  withAveragedWeights<R>(evaluate: () => R): R
  /** A copy of the optimiser's state, read from the device; `load` takes it here or in another adapter. */
  save(): Checkpoint
  /**
   * Goes on from a saved state. The parameters themselves are not in it.
   *
   * @throws ERR_CHECKPOINT when it belongs to another transformation or to other parameters, and nothing has changed
   */
  load(checkpoint: Checkpoint | Uint8Array): void
  /** Frees the slots; every later call throws ERR_DISPOSED. */
  dispose(): void
}

/**
 * Creates an optimiser over tensors of a framework, from a table of that framework's operations. All the work on tensors
 * is done by the framework, where they are; one number a step comes back, from which the host computes ρ.
 *
 * @param transformation what `inducedMetric` returned
 * @param parameters names, shapes, and how to get at their tensors
 * @param backend the framework's operations
 * @throws ERR_OPTION for an invalid option or a name used twice; ERR_SHAPE when a tensor is not of its shape
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
  if (!isList(parameters)) {
    throw new InducedMetricError('ERR_OPTION', `parameters must be an array, given ${show(parameters)}`)
  }
  const plan = planStep(transformation, parameters)
  parameters.forEach((parameter) => checkShape('parameter', parameter, backend.shape(parameter.get())))
  const dtypes = parameters.map((parameter) => backend.dtype(parameter.get()))
  const steps = createPlannedStep(plan, dtypes, backend, 'parameter')
  let state = steps.init()
  let report = initialReport
  let disposed = false
  let isAveraged = false

  const checkAlive = (): void => {
    if (disposed)
      throw new InducedMetricError('ERR_DISPOSED', 'this optimiser was disposed of; create another')
  }
  const free = (tensors: readonly T[]): void => tensors.forEach((tensor) => backend.dispose?.(tensor))
  const freeSlots = (): void => state.slots.forEach((slots) => free(Object.values(slots)))
  return {
    get report() {
      return report
    },
    get learningRate() {
      return learningRateAt(transformation, unpackNumbers(plan, state).learningRate, report.step + 1)
    },
    set learningRate(value) {
      checkAlive()
      state = steps.withLearningRate(state, value)
    },
    step(gradients, options) {
      checkAlive()
      checkOwnValues('step', isAveraged)
      const values = parameters.map((parameter) => parameter.get())
      const result = steps.take(values, gradients, state, options)
      result.values.forEach((value, index) => {
        if (value !== null) parameters[index]!.set(value)
      })
      free(result.replaced)
      state = result.state
      return (report = result.report)
    },
    withAveragedWeights(evaluate) {
      checkAlive()
      const own = parameters.map((parameter) => parameter.get())
      const averages = steps.averages(state)
      return withValues(
        () => {
          checkOwnValues('withAveragedWeights', isAveraged)
          isAveraged = true
          averages.forEach((average, index) => average && parameters[index]!.set(average))
        },
        evaluate,
        () => {
          isAveraged = false
          averages.forEach((average, index) => average && parameters[index]!.set(own[index]!))
        },
      )
    },
    save() {
      checkAlive()
      return steps.save(state)
    },
    load(given) {
      checkAlive()
      const loaded = steps.load(given)
      freeSlots()
      state = loaded
      report = restoredReport(report, unpackNumbers(plan, state))
    },
    dispose() {
      if (disposed) return
      disposed = true
      freeSlots()
    },
  }
}
