import type { Checkpoint } from '../checkpoint/checkpoint.js'
import type { Passes } from '../step/passes.js'
import { InducedMetricError, show } from '../errors.js'
import { createScalarTensors, prepareEvaluation, type Evaluation, type TensorBackend } from './evaluate.js'
import { arrayOf } from '../dtype.js'
import { checkLearningRate, learningRateAt, withLearningRate } from '../step/learningRate.js'
import { initialSlots } from '../step/initialSlots.js'
import { checkGradientCount, checkLoss } from '../step/checks.js'
import { planStep, type StepPlan } from '../step/plan.js'
import { sizeOf } from '../shape.js'
import type { Scalars } from '../graph/hostScalars.js'
import { averagedSlot, changeOutput, type StepGraph } from '../step/stepGraph.js'
import { composeReport, type StepReport } from '../step/report.js'
import { matchCheckpoint, saveState } from '../checkpoint/match.js'
import type { RestOfModel } from '../transformation/namesInOptions.js'
import { initialState, type ScalarState, type UnitNumbers } from '../step/scalarState.js'
import { createStepper, type Stepper } from '../step/stepper.js'
import type { ParameterInfo, Transformation } from '../transformation/types.js'

/** What steps over tensors carry from one to the next. */
export interface TensorState<T> {
  /**
   * Counts and averages: steps taken and skipped, each parameter's steps, each metric unit's v and its steps; and the
   * learning rate, where one was set.
   */
  readonly numbers: Float64Array
  /** The slots of each parameter, by name. */
  readonly slots: readonly Readonly<Record<string, T>>[]
}

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
  dtypes: readonly TensorInfo['dtype'][],
  backend: TensorBackend<T>,
  output: 'parameter' | 'update',
): TensorStep<T> {
  let stepper = createStepper(plan)
  let stepperRate: number | undefined
  /** The stepper for the learning rate that a state has. */
  const stepperAt = (rate: number | undefined): Stepper => {
    if (rate !== stepperRate) stepper = createStepper(withLearningRate(plan, rate))
    stepperRate = rate
    return stepper
  }
  return {
    init: () => ({
      numbers: packNumbers({ step: 0, skippedSteps: 0, ...initialState(plan) }),
      slots: initialSlots(plan).map((values, index) => {
        const { shape, size } = plan.parameters[index]!
        return mapValues(values, (value) => backend.from(arrayOf(dtypes[index]!, size).fill(value), shape))
      }),
    }),
    take(values, gradients, state, options = {}) {
      checkGradients(plan, dtypes, gradients, backend)
      checkState(plan, state, backend)
      const loss = checkLoss(plan, options)
      const before = unpackNumbers(plan, state)
      const step = before.step + 1
      const passes = createPasses({ plan, dtypes, backend, output, values, slots: state.slots })
      try {
        const { skipped, learningRate, units } = stepperAt(before.learningRate).take(
          passes,
          gradients,
          before,
          { step, loss },
        )
        const skippedSteps = before.skippedSteps + (skipped ? 1 : 0)
        const counts = { step: skipped ? step - 1 : step, skippedSteps }
        return {
          values: plan.parameters.map((_, index) => passes.updates[index]?.value ?? null),
          state: {
            numbers: packNumbers({ ...before, ...counts }),
            slots: state.slots.map((slots, index) => passes.updates[index]?.slots ?? slots),
          },
          replaced: state.slots.flatMap((slots, i) => (passes.updates[i] ? Object.values(slots) : [])),
          report: composeReport({ ...counts, loss, skipped, learningRate, units }),
        }
      } finally {
        passes.end()
      }
    },
    learningRate(state) {
      checkState(plan, state, backend)
      const { step, learningRate } = unpackNumbers(plan, state)
      return learningRateAt(plan.transformation, learningRate, step + 1)
    },
    withLearningRate(state, learningRate) {
      checkState(plan, state, backend)
      checkLearningRate(learningRate)
      return { ...state, numbers: packNumbers({ ...unpackNumbers(plan, state), learningRate }) }
    },
    averages(state) {
      checkState(plan, state, backend)
      const { steps } = unpackNumbers(plan, state)
      return state.slots.map((slots, index) => (steps[index]! > 0 ? slots[averagedSlot] : undefined))
    },
    save(state) {
      checkState(plan, state, backend)
      return saveState(plan, unpackNumbers(plan, state), (index) => {
        const dtype = dtypes[index]!
        const copy = (tensor: T) => {
          const array = arrayOf(dtype, plan.parameters[index]!.size)
          array.set(backend.read(tensor))
          return array
        }
        return { dtype, slots: mapValues(state.slots[index]!, copy) }
      })
    },
    load(given) {
      const { checkpoint, states, units } = matchCheckpoint(plan, given, (index) => dtypes[index]!)
      const steps = states.map((saved) => saved.steps)
      return {
        numbers: packNumbers({ ...checkpoint, steps, units: [...units] }),
        slots: states.map((saved) => mapValues(saved.slots, (data) => backend.from(data, saved.shape))),
      }
    },
  }
}

/** The numbers of a state by name. */
type Numbers = Pick<Checkpoint, 'step' | 'skippedSteps' | 'learningRate'> & ScalarState

function packNumbers({ step, skippedSteps, learningRate, steps, units }: Numbers): Float64Array {
  const averages = units.flatMap(({ average, steps: count, values }) => [average, count, ...values])
  const rate = learningRate === undefined ? [] : [learningRate]
  return Float64Array.from([step, skippedSteps, ...steps, ...averages, ...rate])
}

export function unpackNumbers(plan: StepPlan, { numbers }: TensorState<unknown>): Numbers {
  const [step, skippedSteps, ...counts] = numbers
  const averages = counts.splice(plan.parameters.length)
  const units = plan.units.map(({ graph }): UnitNumbers => {
    const [average, count, ...values] = averages.splice(0, 2 + graph.state.length)
    return { average: average!, steps: count!, values }
  })
  const [learningRate] = averages
  return {
    step: step!,
    skippedSteps: skippedSteps!,
    ...(learningRate !== undefined && { learningRate }),
    steps: counts,
    units,
  }
}

function unitNumbers(units: StepPlan['units']): number {
  return units.reduce((total, { graph }) => total + 2 + graph.state.length, 0)
}

function checkState<T>(plan: StepPlan, { numbers, slots }: TensorState<T>, backend: TensorBackend<T>): void {
  const { parameters, units } = plan
  const beyond = numbers.length - (2 + parameters.length + unitNumbers(units))
  const fits =
    (beyond === 0 || beyond === 1) &&
    slots.length === parameters.length &&
    parameters.every(({ graph, shape }, index) => {
      const own = slots[index]!
      const isSlot = (name: string) => own[name] !== undefined && sameShape(backend.shape(own[name]), shape)
      return Object.keys(own).length === graph.slots.length && graph.slots.every(isSlot)
    })
  if (fits) return
  throw new InducedMetricError(
    'ERR_SHAPE',
    'the state is of other parameters or of another transformation: give one that was made for these',
  )
}

function mapValues<A, B>(record: Readonly<Record<string, A>>, f: (value: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, f(value)]))
}

interface Work<T> {
  readonly plan: StepPlan
  readonly dtypes: readonly TensorInfo['dtype'][]
  readonly backend: TensorBackend<T>
  readonly output: string
  readonly values: readonly (T | undefined)[]
  readonly slots: TensorState<T>['slots']
}

interface Updates<T> {
  /** What `update` made, by parameter. */
  readonly updates: readonly ({ readonly value: T; readonly slots: Record<string, T> } | undefined)[]
  end(): void
}

const evaluations = new WeakMap<object, Map<string, unknown>>()

/** The evaluation of outputs of a graph, prepared when it is wanted first: graphs of one structure share it. */
function evaluationOf<T>(
  backend: TensorBackend<T>,
  graph: StepGraph,
  outputs: readonly string[],
): Evaluation<T> {
  let known = evaluations.get(backend) as Map<string, Evaluation<T>> | undefined
  if (known === undefined) evaluations.set(backend, (known = new Map<string, Evaluation<T>>()))
  const key = [graph.hash, ...outputs].join()
  let evaluation = known.get(key)
  if (evaluation === undefined) known.set(key, (evaluation = prepareEvaluation(graph, outputs, backend)))
  return evaluation
}

/** The passes of one step, by evaluating each parameter's graph. */
function createPasses<T extends object>(work: Work<T>): Passes<T> & Updates<T> {
  const { plan, dtypes, backend, output, values, slots } = work
  const free = (tensor: T): void => backend.dispose?.(tensor)
  const constants = createScalarTensors(backend)
  const updates: { value: T; slots: Record<string, T> }[] = []
  let active: readonly number[] = []
  let gradients: readonly (T | null)[] = []
  let scalars: readonly Scalars[] = []

  const evaluate = (index: number, outputs: readonly string[]): Record<string, T | number> => {
    const tensor = (name: string): T => {
      if (name === 'gradient') return gradients[index]!
      if (name !== 'parameter') return slots[index]![name.slice('slot.'.length)]!
      const value = values[index]
      if (value === undefined) {
        const { name: of } = plan.parameters[index]!
        throw new InducedMetricError(
          'ERR_OPTION',
          `the step reads the parameters (for weight decay, or in its base): pass them, ${show(of)} among them`,
        )
      }
      return value
    }
    const dtype = dtypes[index]!
    const { graph } = plan.parameters[index]!
    return evaluationOf(
      backend,
      graph,
      outputs,
    )({ tensor, numbers: scalars[index]!, scalars: constants, dtype })
  }

  interface Total {
    readonly index: number
    total: T
  }
  const reduce = (members: readonly number[], name: string, results: Float64Array): void =>
    addUp(members, (index) => evaluate(index, [name])[name]!, results)
  /** One number for all parameters that share their scalars, so that the host waits once. */
  const addUp = (
    members: readonly number[],
    partOf: (index: number) => T | number,
    results: Float64Array,
  ): void => {
    const totals = new Map<Scalars, Map<string, Total>>()
    try {
      for (const index of members) {
        const part = partOf(index)
        results[index] = typeof part === 'number' ? part : 0
        if (typeof part === 'number') continue
        let byType = totals.get(scalars[index]!)
        if (byType === undefined) totals.set(scalars[index]!, (byType = new Map<string, Total>()))
        const dtype = dtypes[index]!
        const sum = byType.get(dtype)
        if (sum === undefined) byType.set(dtype, { index, total: part })
        else {
          const both = [sum.total, part]
          sum.total = backend.lowering.add(...both)
          both.forEach(free)
        }
      }
      for (const { index, total } of [...totals.values()].flatMap((it) => [...it.values()])) {
        results[index]! += backend.read(total)[0]!
      }
    } finally {
      for (const byType of totals.values()) for (const { total } of byType.values()) free(total)
    }
  }

  return {
    updates,
    begin(givenActive, givenGradients, givenScalars) {
      active = givenActive
      gradients = givenGradients
      scalars = givenScalars
    },
    norm(results) {
      const clipped = active.filter((index) => plan.parameters[index]!.clip !== -1)
      reduce(clipped, 'norm', results)
    },
    reduce(results) {
      plan.reductions.forEach((name, i) => {
        const members = active.filter((index) => plan.parameters[index]!.graph.reductions.includes(name))
        reduce(members, name, results[i]!)
      })
    },
    update(results) {
      const changes: Record<string, T>[] = []
      try {
        for (const index of active) {
          const { slots: names, averaging } = plan.parameters[index]!.graph
          const slotNames = names.map((name) => `slot.${name}`)
          const changeNames = averaging.map(changeOutput)
          const made = evaluate(index, [output, ...slotNames, ...changeNames]) as Record<string, T>
          const next = names.map((name) => [name, made[`slot.${name}`]!] as const)
          changes[index] = Object.fromEntries(changeNames.map((name) => [name, made[name]!]))
          updates[index] = { value: made[output]!, slots: Object.fromEntries(next) }
        }
        plan.changes.forEach((name, i) => {
          const members = active.filter((index) => changes[index]![name] !== undefined)
          const take = (index: number): T => {
            const part = changes[index]![name]!
            delete changes[index]![name]
            return part
          }
          addUp(members, take, results[i]!)
        })
      } catch (error) {
        updates.forEach((update) => [update.value, ...Object.values(update.slots)].forEach(free))
        changes.forEach((change) => Object.values(change).forEach(free))
        updates.length = 0
        throw error
      }
    },
    end() {
      constants.dispose()
    },
  }
}

function checkGradients<T>(
  { parameters }: StepPlan,
  dtypes: readonly TensorInfo['dtype'][],
  gradients: readonly (T | null)[],
  backend: TensorBackend<T>,
): void {
  checkGradientCount(gradients, parameters.length)
  parameters.forEach((parameter, index) => {
    const gradient: unknown = gradients[index]
    if (gradient === null) return
    const refuse = (must: string, given: unknown): never => {
      const what = `the gradient of parameter ${show(parameter.name)} must be ${must}, given ${show(given)}`
      throw new InducedMetricError('ERR_SHAPE', what)
    }
    if (typeof gradient !== 'object') refuse('a tensor or null', gradient)
    checkShape('the gradient of parameter', parameter, backend.shape(gradient as T))
    const dtype = backend.dtype(gradient as T)
    if (dtype !== dtypes[index]) refuse(`of ${dtypes[index]}`, dtype)
  })
}

export function checkShape(what: string, { name, shape }: ParameterInfo, given: readonly number[]): void {
  if (sameShape(shape, given)) return
  throw new InducedMetricError(
    'ERR_SHAPE',
    `${what} ${show(name)} must be of shape [${shape.join(', ')}], given [${given.join(', ')}] (${sizeOf(given)} elements)`,
  )
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((extent, axis) => extent === b[axis])
}
