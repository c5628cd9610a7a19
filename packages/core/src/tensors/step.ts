import type { Checkpoint } from '../checkpoint/checkpoint.js'
import type { ElementType } from '../dtype.js'
import { checkLearningRate, learningRateAt, withLearningRate } from '../step/learningRate.js'
import { checkLoss } from '../step/checks.js'
import type { StepPlan } from '../step/plan.js'
import { composeReport, type StepReport } from '../step/report.js'
import { createStepper, type Stepper } from '../step/stepper.js'
import type { ParameterInfo } from '../transformation/types.js'
import type { TensorBackend } from './backend.js'
import { checkGradients } from './checks.js'
import { evaluationTensors } from './evaluation.js'
import { createPasses } from './passes.js'
import {
  checkState,
  createState,
  loadState,
  packNumbers,
  saveState,
  splitNumbers,
  type TensorState,
} from './state.js'
import { takeTracedStep, type TracedBackend, type TracedResult, type TracedStepInputs } from './tracedStep.js'

/** The result of a step over tensors. */
export interface TensorResult<T> {
  /** By parameter, the output that was asked for; `null` without a gradient, and for all when the step was skipped. */
  readonly values: readonly (T | null)[]
  /** The state after the step. Slots that did not change are tensors of the state before; all others are new. */
  readonly state: TensorState<T>
  /** The slots of the state before that are not in this one. Free them if nothing needs that state any more. */
  readonly replaced: readonly T[]
  readonly report: StepReport
}

/** A step over tensors of a framework, as a function of its state. It leaves all tensors that it is given as they are. */
export interface TensorStep<T> {
  /** The state before the first step. To start over, continue from it again. */
  init(): TensorState<T>
  /**
   * Takes one step.
   *
   * @param parameters their tensors; they may be `undefined` if neither the base nor weight decay reads them
   * @param gradients ∂L/∂θ, with the parameters' shapes; `null` leaves a parameter unchanged
   * @param options `loss`: L at the parameters before the step; required by `log` and `logDamped`
   * @throws ERR_SHAPE (of the state as well), ERR_OPTION, ERR_LOSS_REQUIRED, ERR_BAD_LOSS, ERR_NON_FINITE; then no tensor was
   *   created
   */
  take(
    parameters: readonly (T | undefined)[],
    gradients: readonly (T | null)[],
    state: TensorState<T>,
    options?: { readonly loss?: number },
  ): TensorResult<T>
  /**
   * Takes one step inside a trace, where nothing can be read. A value of the trace decides whether the step is refused; nothing
   * is thrown or reported because of it. The numbers of the state count the refused steps.
   *
   * @param given as for `take`; the loss is a scalar
   * @throws ERR_SHAPE, ERR_OPTION, ERR_LOSS_REQUIRED; ERR_NOT_SUPPORTED for a hyperparameter on a schedule, which is a
   *   function of a number, not of a value of the trace
   */
  trace(backend: TracedBackend<T>, given: TracedStepInputs<T>): TracedResult<T>
  /**
   * A state with the same counts and slots in which no calls wait for the rest of their update: after an update that was
   * refused with an error. The state itself, where every step is an update.
   */
  abandon(state: TensorState<T>): TensorState<T>
  /** How many steps a state has taken and skipped, and how many calls wait for the rest of their update. */
  counts(state: TensorState<T>): Pick<StepReport, 'step' | 'skippedSteps' | 'accumulated'>
  /** The learning rate of the step after a state; the value there, if it is on a schedule. */
  learningRate(state: TensorState<T>): number
  /**
   * A state with the same slots, from which steps are taken with a given learning rate in place of the transformation's. A
   * group with a different learning rate keeps it.
   *
   * @throws ERR_OPTION unless it is a number ≥ 0
   */
  withLearningRate(state: TensorState<T>, value: number): TensorState<T>
  /**
   * The weights to evaluate with, where they are not the parameters themselves (`averageWeights`, or a base that has such
   * weights): new tensors. `undefined` for all other parameters, and before the first step of a parameter.
   */
  evaluation(state: TensorState<T>, parameters: readonly T[]): readonly (T | undefined)[]
  /** A copy of a state, read from the device. */
  save(state: TensorState<T>): Checkpoint
  /**
   * The state in a checkpoint of this or another adapter.
   *
   * @throws ERR_CHECKPOINT when it belongs to another transformation or to other parameters
   */
  load(checkpoint: Checkpoint | Uint8Array): TensorState<T>
}

/** A parameter of a step over tensors. */
export interface TensorInfo extends ParameterInfo {
  readonly dtype: 'float32' | 'float64'
}

/** Creates a step of which every call is an update. */
export function createUpdateStep<T extends object>(
  plan: StepPlan,
  dtypes: readonly ElementType[],
  backend: TensorBackend<T>,
  output: 'parameter' | 'update',
): TensorStep<T> {
  const stepperAt = createSteppers(plan)
  const check = ({ numbers, slots }: TensorState<T>): void => checkState(plan, numbers.length, slots, backend)
  return {
    init: () => createState(plan, dtypes, backend),
    take(values, gradients, state, options = {}) {
      checkGradients(plan, dtypes, gradients, backend)
      check(state)
      const loss = checkLoss(plan, options)
      const numbers = splitNumbers(plan, state.numbers)
      const passes = createPasses({ plan, dtypes, backend, output, values, slots: state.slots })
      try {
        const step = numbers.step + 1
        const outcome = stepperAt(numbers.learningRate).take(passes, gradients, numbers, { step, loss })
        const { skipped, learningRate, units } = outcome
        const skippedSteps = numbers.skippedSteps + (skipped ? 1 : 0)
        const counts = { step: skipped ? step - 1 : step, skippedSteps }
        return {
          values: plan.parameters.map((_, index) => passes.updates[index]?.value ?? null),
          state: {
            numbers: packNumbers(plan, { ...numbers, ...counts }),
            slots: state.slots.map((slots, index) => passes.updates[index]?.slots ?? slots),
          },
          replaced: state.slots.flatMap((slots, i) => (passes.updates[i] ? Object.values(slots) : [])),
          report: composeReport({ ...counts, loss, skipped, learningRate, units }),
        }
      } finally {
        passes.end()
      }
    },
    trace(traced, given) {
      const { gradients, state, options } = given
      checkGradients(plan, dtypes, gradients, backend)
      checkState(plan, state.numbers.length, state.slots, backend)
      // All that is known of the loss is whether there is one.
      checkLoss(plan, { ...options, ...(options?.loss !== undefined && { loss: NaN }) } as { loss?: number })
      return takeTracedStep(plan, traced, given, output)
    },
    abandon: (state) => state,
    counts(state) {
      check(state)
      const { step, skippedSteps } = splitNumbers(plan, state.numbers)
      return { step, skippedSteps }
    },
    learningRate(state) {
      check(state)
      const { step, learningRate } = splitNumbers(plan, state.numbers)
      return learningRateAt(plan.transformation, learningRate, step + 1)
    },
    withLearningRate(state, learningRate) {
      check(state)
      checkLearningRate(learningRate)
      return { ...state, numbers: packNumbers(plan, { ...splitNumbers(plan, state.numbers), learningRate }) }
    },
    evaluation(state, values) {
      check(state)
      return evaluationTensors({ plan, dtypes, backend, values, state })
    },
    save(state) {
      check(state)
      return saveState(plan, dtypes, backend, state)
    },
    load: (given) => loadState(plan, dtypes, backend, given),
  }
}

/** The steppers of a plan by the learning rate that a state has. The latest one is kept. */
function createSteppers(plan: StepPlan): (rate: number | undefined) => Stepper {
  let stepper = createStepper(plan)
  let stepperRate: number | undefined
  return (rate) => {
    if (rate !== stepperRate) stepper = createStepper(withLearningRate(plan, rate))
    stepperRate = rate
    return stepper
  }
}
