import { accumulatedSlot, waitingReport } from '../step/accumulation.js'
import type { StepReport } from '../step/report.js'
import type { VariableBackend, VariableGradient } from './backend.js'
import { readScalars } from './pendingReport.js'
import type { State } from './state.js'

/** A mean over the calls of an update. */
export interface VariableMean<T> {
  readonly pairs: readonly VariableGradient<T>[]
  readonly loss: T | number | undefined
}

/** Adds up the gradients and losses of the calls that make one update. The sums are part of the state. */
export interface Accumulation<T> {
  /**
   * Adds a call. It is called within a scope, and the variables have their state.
   *
   * @returns the mean over the calls, if this one completes an update. Then the sums start afresh.
   */
  add(pairs: readonly VariableGradient<T>[], loss: T | number | undefined): VariableMean<T> | undefined
  /** The report, of which the numbers are those of the latest update. */
  report(report: StepReport): Promise<StepReport>
}

/**
 * Prepares the accumulation of gradients. Any set of variables may have gradients in a call: one that has none in some of the
 * calls counts as 0 there.
 *
 * @param calls how many make an update
 */
export function createAccumulation<T extends object>(
  backend: VariableBackend<T>,
  state: State<T>,
  calls: number,
): Accumulation<T> {
  const { lowering } = backend
  const sum = (a: T | number, b: T | number): T | number => {
    if (typeof a === 'number' && typeof b === 'number') return a + b
    const [x, y] = [a, b].map((value) => (typeof value === 'number' ? backend.scalar(value) : value))
    return lowering.add(x!, y!)
  }
  const divided = (x: T | number, by: number): T | number =>
    typeof x === 'number' ? x / by : lowering.div(x, backend.scalar(by))

  const addLoss = (loss: T | number | undefined): void => {
    const { calls: before, loss: known } = state.accumulated
    const next = known === undefined || loss === undefined ? undefined : sum(known, loss)
    if (typeof known === 'object') backend.dispose(known)
    // A clone, as the loss may be the caller's own.
    const kept = typeof next === 'object' ? backend.keep(backend.clone(next)) : next
    state.accumulated = { calls: before + 1, loss: kept }
  }
  const addGradient = ({ name, gradient }: VariableGradient<T>): void => {
    if (gradient === null) return
    const { slots } = state.variables.get(name)!
    const before = slots[accumulatedSlot]
    slots[accumulatedSlot] = backend.keep(before ? lowering.add(before, gradient) : backend.clone(gradient))
    if (before) backend.dispose(before)
  }
  /** Takes the mean of a variable's gradients out of its state. */
  const take = (name: string, by: number): T | null => {
    const { slots } = state.variables.get(name)!
    const total = slots[accumulatedSlot]
    if (total === undefined) return null
    const mean = lowering.div(total, backend.scalar(by))
    backend.dispose(total)
    delete slots[accumulatedSlot]
    return mean
  }

  return {
    add(pairs, loss) {
      addLoss(loss)
      pairs.forEach(addGradient)
      const { calls: count, loss: total } = state.accumulated
      if (count < calls) return undefined
      const given = new Set(pairs.map(({ name }) => name))
      const others = [...state.variables].flatMap(([name, { shape, slots }]) =>
        given.has(name) || !slots[accumulatedSlot] ? [] : [{ name, shape, variable: backend.variable(name) }],
      )
      const means = [...pairs, ...others].map((pair) => ({ ...pair, gradient: take(pair.name, count) }))
      const mean = { pairs: means, loss: total === undefined ? undefined : divided(total, count) }
      state.forgetCalls()
      return mean
    },
    async report(report) {
      const { calls: count, loss } = state.accumulated
      if (count === 0) return { ...report, accumulated: 0 }
      const [known] = loss === undefined ? [undefined] : await readScalars(backend, [loss])
      return waitingReport(report, { calls: count, loss: known })
    },
  }
}
