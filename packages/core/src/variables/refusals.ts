import { refusal } from '../step/report.js'
import { stepStatus } from '../step/metricGraph.js'
import type { Transformation } from '../transformation/types.js'
import type { VariableBackend } from './backend.js'
import { readScalars, type PendingReport } from './pendingReport.js'
import {
  takeBack,
  type ProfileState,
  type RefusedSteps,
  type State,
  type UnitState,
  type VariableState,
} from './state.js'

/**
 * Whether a step may be written, decided on the host.
 *
 * @param reader reads a scalar at once
 * @throws ERR_NON_FINITE, ERR_BAD_LOSS where the transformation says to throw
 */
export function guardOnHost<T extends object>(
  transformation: Transformation,
  { loss, units }: Pick<PendingReport<T | number>, 'loss' | 'units'>,
  reader: (scalar: T) => number,
): boolean {
  const read = (x: T | number): number => (typeof x === 'number' ? x : reader(x))
  for (const { unit, dualNorm, ...results } of units) {
    const status = read(results.status)
    if (status === stepStatus.ok) continue
    const given = { dualNorm: read(dualNorm), loss: loss === undefined ? undefined : read(loss) }
    const error = refusal(transformation, unit, status, given)
    if (error) throw error
    return false
  }
  return true
}

/** Chooses between a new value and the one it would replace. */
export type Choose<T> = (fresh: T, old: T) => T

export type Counted<T> = readonly (VariableState<T> | UnitState<T> | ProfileState<T>)[]

/** The steps that a device refused, as far as the host does not know of them yet. */
export interface Refusals<T> {
  /**
   * Lets the device decide about a step.
   *
   * @param tensor returns the scalar of a number
   * @param written the new values, where they may overflow though everything they are computed from is finite
   * @param changed the states that the step counts itself in, whether it is written or not
   * @returns the choice between new and old values, and whether the step is refused, a scalar
   */
  guard(
    units: PendingReport<T | number>['units'],
    tensor: (x: T | number) => T,
    written: readonly T[],
    changed: Counted<T>,
  ): { readonly choose: Choose<T>; readonly isRefused: T }
  /**
   * Returns how many refused steps the host does not know of: all of them, or those that would have changed a state. It is a
   * scalar of the current scope, the same one for the same steps, or `undefined` where there can be none.
   */
  counts(): (changed?: Counted<T>[number]) => T | undefined
  /**
   * Takes refused steps off the counts, which the host had to keep without knowing of them.
   *
   * @param report of the latest step, for the error
   * @throws ERR_NON_FINITE, ERR_BAD_LOSS where the transformation says to throw
   */
  settle(report: PendingReport<number>): Promise<void>
  /** Reads how many of the steps so far the device has refused without the host knowing. It changes nothing. */
  read(): Promise<RefusedSteps>
  /** Whether there is nothing to settle. */
  readonly isSettled: boolean
  /** Adds what settles the steps of an engine that takes no more. */
  defer(settle: () => Promise<void>): void
  dispose(): void
}

/** A record of refused steps that would have changed the same states. */
interface Refused<T> {
  /** Number of refused steps. */
  readonly count: T
  /** The largest status of any of them. */
  readonly worst: T
  readonly changed: Counted<T>
}

export function createRefusals<T extends object>(
  backend: VariableBackend<T>,
  transformation: Transformation,
  state: State<T>,
): Refusals<T> {
  const { add, sub, mul, max, greater, finite, sum } = backend.lowering
  let records: readonly Refused<T>[] = []
  /** The records that are being read in order to settle them. Until they are, no count knows of their steps. */
  let reading: readonly Refused<T>[] = []
  let settling: Promise<unknown> = Promise.resolve()
  let deferred: (() => Promise<void>)[] = []
  const disposeRecord = ({ count, worst }: Refused<T>): void => {
    backend.dispose(count)
    backend.dispose(worst)
  }
  const settleNow = async (report: PendingReport<number>): Promise<void> => {
    for (let one = deferred.shift(); one; one = deferred.shift()) await one()
    const settled = (reading = records)
    records = []
    const numbers = await readScalars(
      backend,
      settled.flatMap(({ count, worst }) => [count, worst]),
    )
    // They were disposed of in the meantime.
    if (reading !== settled) return
    reading = []
    settled.forEach(disposeRecord)
    const { total, worst } = takeOff(settled, numbers)
    if (total === 0) return
    state.step -= total
    const { unit, dualNorm } = report.units.find(({ status }) => status === worst) ?? report.units[0]!
    const error = refusal(transformation, unit, worst, { dualNorm, loss: report.loss })
    if (error) throw error
    state.skippedSteps += total
  }
  return {
    guard(units, tensor, written, changed) {
      const statuses = units.filter(({ xi }) => !Number.isNaN(xi)).map(({ status }) => tensor(status))
      if (written.length > 0) {
        const infinite = written.map((x) => sum(sub(tensor(1), finite(x))))
        const total = infinite.length === 1 ? infinite[0]! : backend.sum(infinite)
        statuses.push(mul(greater(total, tensor(0)), tensor(stepStatus.nonFinite)))
      }
      const worst = statuses.reduce((a, b) => max(a, b))
      const isRefused = greater(worst, tensor(stepStatus.ok))
      const previous = records.find((record) => isSame(record.changed, changed))
      const record = {
        count: backend.keep(previous ? add(previous.count, isRefused) : backend.clone(isRefused)),
        worst: backend.keep(previous ? max(previous.worst, worst) : backend.clone(worst)),
        changed,
      }
      if (previous) disposeRecord(previous)
      records = [...records.filter((one) => one !== previous), record]
      const choose = backend.chooser(isRefused)
      return { choose: (fresh, old) => choose(old, fresh), isRefused }
    },
    counts: () => countsIn(backend, [...reading, ...records]),
    read: () => readRefused(backend, [...reading, ...records]),
    get isSettled() {
      return records.length === 0 && reading.length === 0 && deferred.length === 0
    },
    defer: (one) => void deferred.push(one),
    settle(report) {
      // One at a time: the next one's report has the counts that the one before has corrected.
      const settled = settling.then(() => settleNow(report))
      settling = settled.catch(() => undefined)
      return settled
    },
    dispose() {
      for (const record of [...reading, ...records]) disposeRecord(record)
      records = reading = []
      deferred = []
    },
  }
}

/** Takes refused steps off the counts of states. The numbers are the count and the worst status of each record. */
function takeOff<T>(
  records: readonly Refused<T>[],
  numbers: readonly number[],
): { readonly total: number; readonly worst: number } {
  let [total, worst] = [0, 0]
  records.forEach(({ changed }, i) => {
    const [count, status] = numbers.slice(2 * i) as [number, number]
    for (const state of changed) takeBack(state, count)
    total += count
    worst = Math.max(worst, status)
  })
  return { total, worst }
}

/** Reads how many steps some records count. */
async function readRefused<T extends object>(
  backend: VariableBackend<T>,
  records: readonly Refused<T>[],
): Promise<RefusedSteps> {
  const numbers = await readScalars(
    backend,
    records.map(({ count }) => count),
  )
  const sumOf = (isCounted: (record: Refused<T>) => boolean): number =>
    records.reduce((sum, record, i) => sum + (isCounted(record) ? numbers[i]! : 0), 0)
  return {
    total: sumOf(() => true),
    of: (state) => sumOf(({ changed }) => (changed as readonly object[]).includes(state)),
  }
}

/** Prepares the sums of the counts of some records. */
function countsIn<T extends object>(
  backend: VariableBackend<T>,
  records: readonly Refused<T>[],
): ReturnType<Refusals<T>['counts']> {
  const known = new Map<string, T>()
  return (changed) => {
    const indices = [...records.keys()].filter(
      (index) => changed === undefined || records[index]!.changed.includes(changed),
    )
    if (indices.length === 0) return undefined
    const key = indices.join()
    let count = known.get(key)
    if (count === undefined) {
      const all = indices.map((index) => records[index]!.count)
      // A clone, as a record is replaced in the middle of a step.
      known.set(key, (count = all.length === 1 ? backend.clone(all[0]!) : backend.sum(all)))
    }
    return count
  }
}

function isSame(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((x, i) => x === b[i])
}
