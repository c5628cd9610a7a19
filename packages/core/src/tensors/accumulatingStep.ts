import { decodeCheckpoint } from '../checkpoint/bytes.js'
import { checkCheckpoint, composeCheckpoint, type Checkpoint } from '../checkpoint/checkpoint.js'
import { checkAccumulation } from '../checkpoint/match.js'
import { arrayOf, type ElementType } from '../dtype.js'
import { accumulatedSlot, meanLoss, waitingReport, withCall, type Accumulated } from '../step/accumulation.js'
import { checkLoss } from '../step/checks.js'
import type { StepPlan } from '../step/plan.js'
import { initialReport, type StepReport } from '../step/report.js'
import {
  accumulatedOf,
  emptyNumbers,
  joinOwn,
  ownNumbers,
  splitCheckpoint,
  splitState,
  zeroSum,
  type AccumulatedState,
  type OwnNumbers,
} from './accumulatedState.js'
import { traceAccumulating } from './accumulatingTrace.js'
import type { TensorBackend } from './backend.js'
import { checkGradients } from './checks.js'
import type { TensorState } from './state.js'
import type { TensorResult, TensorStep } from './step.js'
import type { TracedBackend, TracedResult, TracedStepInputs } from './tracedStep.js'

/** The plan of a step over tensors, and its backend. */
export interface PlannedTensors<T> {
  readonly plan: StepPlan
  readonly dtypes: readonly ElementType[]
  readonly backend: TensorBackend<T>
  readonly output: 'parameter' | 'update'
}

/** A step over tensors that makes one update of the mean over several calls. The sums of gradients are slots of its state. */
export class AccumulatingStep<T extends object> implements TensorStep<T> {
  readonly #inner: TensorStep<T>
  readonly #planned: PlannedTensors<T>
  /** The report of the latest update since `init`, of whatever state. */
  #latest: StepReport = initialReport

  /** @param inner takes the updates */
  constructor(inner: TensorStep<T>, planned: PlannedTensors<T>) {
    this.#inner = inner
    this.#planned = planned
  }

  init(): TensorState<T> {
    const { plan } = this.#planned
    this.#latest = initialReport
    const sums = plan.parameters.map((_, index) => this.#zeros(index))
    return joined(emptyNumbers(plan), sums, this.#inner.init())
  }

  take(
    values: readonly (T | undefined)[],
    gradients: readonly (T | null)[],
    state: TensorState<T>,
    options: { readonly loss?: number } = {},
  ): TensorResult<T> {
    const { plan, dtypes, backend } = this.#planned
    checkGradients(plan, dtypes, gradients, backend)
    const loss = checkLoss(plan, options)
    const before = this.#split(state)
    const accumulated = withCall(accumulatedOf(before.own), loss)
    const counts = before.own.counts.map((count, i) => count + (gradients[i] === null ? 0 : 1))
    const sums = before.sums.map((sum, i) =>
      gradients[i] === null ? sum : backend.lowering.add(sum, gradients[i]!),
    )
    if (accumulated.calls >= plan.transformation.accumulate)
      return this.#update(values, before, { accumulated, counts, sums })
    const [step, skippedSteps] = before.numbers as readonly [number, number]
    return {
      values: plan.parameters.map(() => null),
      state: joined(ownNumbers(accumulated, counts), sums, stateIn(before)),
      replaced: before.sums.filter((sum, i) => sum !== sums[i]),
      report: waitingReport({ ...this.#latest, step, skippedSteps }, accumulated),
    }
  }

  abandon(state: TensorState<T>): TensorState<T> {
    const split = this.#split(state)
    const sums = split.sums.map((sum, i) => (split.own.counts[i]! > 0 ? this.#zeros(i) : sum))
    return joined(emptyNumbers(this.#planned.plan), sums, stateIn(split))
  }

  /** Takes the update of the last call. It leaves the sums before that call as they are, and frees those after it. */
  #update(
    values: readonly (T | undefined)[],
    before: AccumulatedState<T, number>,
    after: {
      readonly accumulated: Accumulated
      readonly counts: readonly number[]
      readonly sums: readonly T[]
    },
  ): TensorResult<T> {
    const { plan, backend } = this.#planned
    const { accumulated, counts, sums } = after
    const means = sums.map((sum, i) => (counts[i]! > 0 ? this.#mean(sum, accumulated.calls, i) : null))
    try {
      const loss = meanLoss(accumulated)
      const result = this.#inner.take(values, means, stateIn(before), loss === undefined ? {} : { loss })
      const next = before.sums.map((sum, i) => (counts[i]! > 0 ? this.#zeros(i) : sum))
      this.#latest = result.report
      return {
        ...result,
        state: joined(emptyNumbers(plan), next, result.state),
        replaced: [...result.replaced, ...before.sums.filter((sum, i) => sum !== next[i])],
        report: { ...result.report, accumulated: 0 },
      }
    } finally {
      const made = [...sums.filter((sum, i) => sum !== before.sums[i]), ...means]
      for (const tensor of made) if (tensor !== null) backend.dispose?.(tensor)
    }
  }

  trace(traced: TracedBackend<T>, given: TracedStepInputs<T>): TracedResult<T> {
    const { plan, dtypes, backend } = this.#planned
    checkGradients(plan, dtypes, given.gradients, backend)
    return traceAccumulating(this.#inner, this.#planned, traced, given)
  }

  counts(state: TensorState<T>): Pick<StepReport, 'step' | 'skippedSteps' | 'accumulated'> {
    const split = this.#split(state)
    return { ...this.#inner.counts(stateIn(split)), accumulated: split.own.calls }
  }

  learningRate(state: TensorState<T>): number {
    return this.#inner.learningRate(stateIn(this.#split(state)))
  }

  withLearningRate(state: TensorState<T>, value: number): TensorState<T> {
    const split = this.#split(state)
    return joined(split.own, split.sums, this.#inner.withLearningRate(stateIn(split), value))
  }

  evaluation(state: TensorState<T>, values: readonly T[]): readonly (T | undefined)[] {
    return this.#inner.evaluation(stateIn(this.#split(state)), values)
  }

  save(state: TensorState<T>): Checkpoint {
    const { plan, dtypes, backend } = this.#planned
    const split = this.#split(state)
    const { accumulated: _, parameters, ...saved } = this.#inner.save(stateIn(split))
    return composeCheckpoint({
      ...saved,
      accumulated: accumulatedOf(split.own),
      parameters: parameters.map((parameter, i) => {
        if (split.own.counts[i] === 0) return parameter
        const sum = arrayOf(dtypes[i]!, plan.parameters[i]!.size)
        sum.set(backend.read(split.sums[i]!))
        return { ...parameter, slots: { ...parameter.slots, [accumulatedSlot]: sum } }
      }),
    })
  }

  load(given: Checkpoint | Uint8Array): TensorState<T> {
    const { plan, dtypes, backend } = this.#planned
    const checkpoint = given instanceof Uint8Array ? decodeCheckpoint(given) : given
    checkCheckpoint(checkpoint)
    checkAccumulation(plan.transformation, checkpoint)
    const { accumulated, sums, rest } = splitCheckpoint(plan, dtypes, checkpoint)
    const state = this.#inner.load(rest)
    const tensors = sums.map((sum, i) =>
      sum ? backend.from(sum, plan.parameters[i]!.shape) : this.#zeros(i),
    )
    const counts = sums.map((sum) => (sum === undefined ? 0 : 1))
    return joined(ownNumbers(accumulated, counts), tensors, state)
  }

  #split(state: TensorState<T>): AccumulatedState<T, number> {
    return splitState<T, number>(this.#planned.plan, state, this.#planned.backend)
  }

  #zeros(index: number): T {
    const { plan, dtypes, backend } = this.#planned
    return zeroSum(plan, dtypes, backend, index)
  }

  #mean(sum: T, calls: number, index: number): T {
    const { dtypes, backend } = this.#planned
    const by = backend.from(arrayOf(dtypes[index]!, 1).fill(calls), [])
    const mean = backend.lowering.div(sum, by)
    backend.dispose?.(by)
    return mean
  }
}

/** The state of the step that takes the updates. */
function stateIn<T>({ numbers, slots }: AccumulatedState<T, number>): TensorState<T> {
  return { numbers: Float64Array.from(numbers), slots }
}

function joined<T>(own: OwnNumbers<number>, sums: readonly T[], state: TensorState<T>): TensorState<T> {
  return {
    numbers: Float64Array.from(joinOwn(own, state.numbers)),
    slots: state.slots.map((slots, i) => ({ ...slots, [accumulatedSlot]: sums[i]! })),
  }
}
