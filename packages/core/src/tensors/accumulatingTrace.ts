import { unsupported } from '../errors.js'
import { accumulatedSlot } from '../step/accumulation.js'
import type { StepPlan } from '../step/plan.js'
import { joinOwn, splitState } from './accumulatedState.js'
import type { TensorBackend } from './backend.js'
import { withHostNumbers } from './hostNumbers.js'
import type { TensorStep } from './step.js'
import type { TracedBackend, TracedResult, TracedStepInputs } from './tracedStep.js'

/**
 * Takes a call inside a trace. The sums, and whether they make an update, are values of the trace: the update is computed in
 * every call, and chosen or not.
 *
 * @throws ERR_NOT_SUPPORTED where a parameter has no gradient
 */
export function traceAccumulating<T extends object>(
  inner: Pick<TensorStep<T>, 'trace'>,
  {
    plan,
    backend,
    output,
  }: {
    readonly plan: StepPlan
    readonly backend: TensorBackend<T>
    readonly output: 'parameter' | 'update'
  },
  traced: TracedBackend<T>,
  given: TracedStepInputs<T>,
): TracedResult<T> {
  const { gradients, parameters } = given
  const loss = given.options?.loss
  if (gradients.includes(null)) {
    throw unsupported(
      'with accumulate, a trace takes a gradient of every parameter, as the sums decide what is updated: give zeros',
    )
  }
  const before = splitState<T, T>(plan, given.state, backend)
  const toScalar = (x: T | number): T => (typeof x === 'number' ? traced.scalar(x) : x)
  const { add, sub, mul, div, greater, select } = withHostNumbers(traced.lowering, toScalar)
  const calls = add(before.own.calls, 1)
  const total = loss === undefined ? before.own.loss : add(before.own.loss, loss)
  const isKnown = loss === undefined ? 0 : before.own.isKnown
  const isFull = greater(calls, plan.transformation.accumulate - 0.5)
  const isWaiting = toScalar(sub(1, isFull))
  const sums = before.sums.map((one, index) => traced.lowering.add(one, gradients[index]!))
  const taken = inner.trace(traced, {
    parameters,
    gradients: sums.map((one) => traced.lowering.div(one, toScalar(calls))),
    state: before,
    options: loss === undefined ? {} : { loss: toScalar(div(total, calls)) },
  })
  // −0 where there is no update: adding that changes no bit of a parameter.
  const unchanged = toScalar(mul(isFull, -1))
  const choose = (next: T, old: T): T => traced.choose(toScalar(isFull), next, old)
  const own = {
    calls: select(isFull, 0, calls),
    loss: select(isFull, 0, total),
    isKnown: select(isFull, 1, isKnown),
    counts: before.own.counts.map((count) => select(isFull, 0, add(count, 1))),
  }
  const numbers = taken.state.numbers.map((next, index) => select(isFull, next, before.numbers[index]!))
  return {
    values: taken.values.map((value, index) =>
      choose(value!, output === 'parameter' ? parameters[index]! : unchanged),
    ),
    state: {
      numbers: joinOwn(own, numbers).map(toScalar),
      slots: taken.state.slots.map((slots, index) => {
        const next = Object.entries(slots).map(([name, slot]) => {
          return [name, choose(slot, before.slots[index]![name]!)] as const
        })
        const sum = traced.choose(isWaiting, sums[index]!, traced.scalar(0))
        return { ...Object.fromEntries(next), [accumulatedSlot]: sum }
      }),
    },
  }
}
