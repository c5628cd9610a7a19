import type { Transformation } from '@induced-metric/core'
import { refusal, stepStatus } from '@induced-metric/core/adapter'
import type { Tensor, TensorFlow } from './namespace.js'
import { readScalars, type PendingReport } from './pendingReport.js'
import { takeBack, type State, type UnitState, type VariableState } from './state.js'
import { addAll, sumAll } from './sums.js'

/** Reads a scalar at once. */
type ScalarReader = (scalar: Tensor) => number

/**
 * A reader of single scalars for backends whose tensors are in the host's own memory, where reading a number neither
 * waits nor copies more than that number. `undefined` on devices: there a read would stall the queue (webgl) or is not
 * possible at all (webgpu), and the device has to decide.
 */
export function hostReader(tf: TensorFlow): ScalarReader | undefined {
  if (!['cpu', 'wasm'].includes(tf.getBackend())) return undefined
  const backend = tf.backend() as { readSync?(dataId: object): ArrayLike<number> }
  if (typeof backend.readSync !== 'function') return undefined
  return (scalar) => backend.readSync!(scalar.dataId)[0]!
}

/**
 * Whether a step may be written, decided on the host.
 *
 * @throws ERR_NON_FINITE, ERR_BAD_LOSS where the transformation says to throw
 */
export function guardOnHost(
  transformation: Transformation,
  { loss, units }: Pick<PendingReport, 'loss' | 'units'>,
  reader: ScalarReader,
): boolean {
  const read = (x: Tensor | number): number => (typeof x === 'number' ? x : reader(x))
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
export type Choose = (fresh: Tensor, old: Tensor) => Tensor

/** The steps that a device refused, as far as the host does not know of them yet. */
export interface Refusals {
  /**
   * Lets the device decide about a step.
   *
   * @param tensor returns the scalar of a number
   * @param written the new values, where they may overflow though everything they are computed from is finite
   * @param changed the states that the step counts itself in, whether it is written or not
   * @returns the choice between new and old values
   */
  guard(
    units: PendingReport['units'],
    tensor: (x: Tensor | number) => Tensor,
    written: readonly Tensor[],
    changed: readonly (VariableState | UnitState)[],
  ): Choose
  /**
   * Takes refused steps off the counts, which the host had to keep without knowing of them.
   *
   * @param report of the latest step, for the error
   * @throws ERR_NON_FINITE, ERR_BAD_LOSS where the transformation says to throw
   */
  settle(report: PendingReport<number>): Promise<void>
  dispose(): void
}

/** A record of refused steps that would have changed the same states. */
interface Refused {
  /** Number of refused steps. */
  readonly count: Tensor
  /** The largest status of any of them. */
  readonly worst: Tensor
  readonly changed: readonly (VariableState | UnitState)[]
}

export function createRefusals(tf: TensorFlow, transformation: Transformation, state: State): Refusals {
  let records: readonly Refused[] = []
  const disposeRecord = ({ count, worst }: Refused): void => tf.dispose([count, worst])
  return {
    guard(units, tensor, written, changed) {
      const statuses = units.filter(({ xi }) => !Number.isNaN(xi)).map(({ status }) => tensor(status))
      if (written.length > 0) {
        const infinite = written.map((x) => sumAll(tf, tf.cast(tf.logicalNot(tf.isFinite(x)), 'float32')))
        const some = tf.greater(addAll(tf, infinite), 0)
        statuses.push(tf.mul(tf.cast(some, 'float32'), tensor(stepStatus.nonFinite)))
      }
      const worst = statuses.reduce((a, b) => tf.maximum(a, b))
      const ok = tf.equal(worst, tensor(stepStatus.ok))
      const count = tf.sub(tensor(1), tf.cast(ok, 'float32'))
      const previous = records.find((record) => isSame(record.changed, changed))
      const record = {
        count: tf.keep(previous ? tf.add(previous.count, count) : count),
        worst: tf.keep(previous ? tf.maximum(previous.worst, worst) : worst.clone()),
        changed,
      }
      if (previous) disposeRecord(previous)
      records = [...records.filter((one) => one !== previous), record]
      return (fresh, old) => tf.where(ok, fresh, old)
    },
    async settle(report) {
      const settled = records
      records = []
      const numbers = await readScalars(
        tf,
        settled.flatMap(({ count, worst }) => [count, worst]),
      )
      let [total, worst] = [0, 0]
      settled.forEach((record, i) => {
        disposeRecord(record)
        const [count, status] = numbers.slice(2 * i) as [number, number]
        for (const changed of record.changed) takeBack(changed, count)
        total += count
        worst = Math.max(worst, status)
      })
      if (total === 0) return
      state.step -= total
      const { unit, dualNorm } = report.units.find(({ status }) => status === worst) ?? report.units[0]!
      const error = refusal(transformation, unit, worst, { dualNorm, loss: report.loss })
      if (error) throw error
      state.skippedSteps += total
    },
    dispose() {
      records.forEach(disposeRecord)
      records = []
    },
  }
}

function isSame(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((x, i) => x === b[i])
}
