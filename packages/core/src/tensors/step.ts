import type { Checkpoint } from '../checkpoint/checkpoint.js'
import type { ElementType } from '../dtype.js'
import { checkLearningRate, learningRateAt, withLearningRate } from '../step/learningRate.js'
import { checkLoss } from '../step/checks.js'
import { planStep, type StepPlan } from '../step/plan.js'
import { composeReport, type StepReport } from '../step/report.js'
import { averagedSlot } from '../step/stepGraph.js'
import { createStepper, type Stepper } from '../step/stepper.js'
import type { RestOfModel } from '../transformation/namesInOptions.js'
import type { ParameterInfo, Transformation } from '../transformation/types.js'
import type { TensorBackend } from './backend.js'
import { checkGradients } from './checks.js'
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

/** What a step over tensors came to. */
export interface TensorResult<T> {
  /** By parameter, what was asked for; `null` where there is no gradient, and everywhere when the step was skipped. */
  readonly values: readonly (T | null)[]
  /** The state after it. Slots that did not change are the tensors of the state before, all others new ones. */
  readonly state: TensorState<T>
  /** The slots of the state before that are not in this one: to be freed, where nobody needs that state any more. */
  readonly replaced: readonly T[]
  readonly report: StepReport
}

/** A step over tensors of a framework, as a function of its state. All tensors given to it are left alone. */
export interface TensorStep<T> {
  /** The state before the first step. */
  init(): TensorState<T>
  /**
   * Takes one step.
   *
   * @param parameters by parameter; `undefined` will do where neither the base nor weight decay reads them
   * @param gradients ∂L/∂θ, of the parameters' shapes; `null` for a parameter that is to be left alone
   * @param options `loss`: L at the parameters before the step; required by `log` and `logDamped`
   * @throws ERR_SHAPE (of the state, too), ERR_OPTION, ERR_LOSS_REQUIRED, ERR_BAD_LOSS, ERR_NON_FINITE; then nothing was made
   */
  take(
    parameters: readonly (T | undefined)[],
    gradients: readonly (T | null)[],
    state: TensorState<T>,
    options?: { readonly loss?: number },
  ): TensorResult<T>
  /**
   * Takes one step inside of a trace, where nothing can be read. Whether it is refused is decided where it is computed:
   * nothing is thrown for that, and nothing reported. The numbers of the state count the refused steps.
   *
   * @param given as for `take`; the loss is a scalar
   * @throws ERR_SHAPE, ERR_OPTION, ERR_LOSS_REQUIRED; ERR_NOT_SUPPORTED for a hyperparameter on a schedule, which is a
   *   function of a number
   */
  trace(backend: TracedBackend<T>, given: TracedStepInputs<T>): TracedResult<T>
  /** The learning rate of the step after a state, of a schedule its value there. */
  learningRate(state: TensorState<T>): number
  /**
   * A state, with the same slots, whose steps go at a learning rate ≥ 0 in place of the transformation's; a group with
   * another one of its own keeps that.
   *
   * @throws ERR_OPTION when it is no such number
   */
  withLearningRate(state: TensorState<T>, value: number): TensorState<T>
  /**
   * The averages of the parameters (`averageWeights`), which are tensors of the state; `undefined` for a parameter without one:
   * it has taken no step yet, or none are kept.
   */
  averages(state: TensorState<T>): readonly (T | undefined)[]
  /** A copy of a state, read from the device. */
  save(state: TensorState<T>): Checkpoint
  /**
   * The state of a checkpoint, which may be another adapter's.
   *
   * @throws ERR_CHECKPOINT when it belongs to another transformation or to other parameters
   */
  load(checkpoint: Checkpoint | Uint8Array): TensorState<T>
}

/** A parameter of a step over tensors. */
export interface TensorInfo extends ParameterInfo {
  readonly dtype: 'float32' | 'float64'
}

/**
 * Creates the step of a transformation over tensors of a framework, as a function of its state: for frameworks whose
 * optimisers are functions. Where they keep their state, take {@link createTensorOptimizer}.
 *
 * @param transformation what `inducedMetric` returned
 * @param parameters names, shapes and element types
 * @param backend the framework's operations
 * @param output what a step gives of each parameter: its new value (`parameter`), or Δθ, to be added to it (`update`)
 * @param rest the model's other parameters, where options may name those too
 * @throws ERR_OPTION for an invalid option or a name used twice
 */
export function createTensorStep<T extends object>(
  transformation: Transformation,
  parameters: readonly TensorInfo[],
  backend: TensorBackend<T>,
  output: 'parameter' | 'update',
  rest?: RestOfModel,
): TensorStep<T> {
  const dtypes = parameters.map(({ dtype }) => dtype)
  return createPlannedStep(planStep(transformation, parameters, rest), dtypes, backend, output)
}

/** The same for a plan, and the element types of its parameters. */
export function createPlannedStep<T extends object>(
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
            numbers: packNumbers({ ...numbers, ...counts }),
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
    learningRate(state) {
      check(state)
      const { step, learningRate } = splitNumbers(plan, state.numbers)
      return learningRateAt(plan.transformation, learningRate, step + 1)
    },
    withLearningRate(state, learningRate) {
      check(state)
      checkLearningRate(learningRate)
      return { ...state, numbers: packNumbers({ ...splitNumbers(plan, state.numbers), learningRate }) }
    },
    averages(state) {
      check(state)
      const { steps } = splitNumbers(plan, state.numbers)
      return state.slots.map((slots, index) => (steps[index]! > 0 ? slots[averagedSlot] : undefined))
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
