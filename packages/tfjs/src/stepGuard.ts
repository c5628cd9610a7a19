import type { Transformation } from '@induced-metric/core'
import { refusal, stepStatus } from '@induced-metric/core/adapter'
import type { Evaluator } from './evaluation.js'
import { readScalars } from './pendingReport.js'
import type { Scalar, Tensor, TensorFlow } from './namespace.js'
import type { UnitOutcome } from './step.js'
import { addAll, sumAll } from './sums.js'

/** Reads a scalar at once. */
type ScalarReader = (scalar: Tensor) => number

/**
 * A reader of single scalars for backends whose tensors lie in the host's own memory, where looking at a number neither
 * waits nor copies more than the number. `undefined` on devices: there a read would stall the queue (webgl) or is not
 * possible at all (webgpu), and decisions have to be taken on the device.
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
export function decideOnHost(
  transformation: Transformation,
  outcomes: readonly UnitOutcome[],
  loss: Scalar | number | undefined,
  reader: ScalarReader,
): boolean {
  const read = (x: Tensor | number): number => (typeof x === 'number' ? x : reader(x))
  for (const { unit, values } of outcomes) {
    const status = values ? read(values.status) : stepStatus.ok
    if (status === stepStatus.ok) continue
    const given = { dualNorm: read(values!.dualNorm), loss: loss === undefined ? undefined : read(loss) }
    const error = refusal(transformation, unit, status, given)
    if (error) throw error
    return false
  }
  return true
}

/** What the device refused, since it was last asked, of the steps that would change the same. */
export interface Refused {
  /** Number of steps it did not write. */
  readonly count: Tensor
  /** The largest status of any of them. */
  readonly worst: Tensor
}

/**
 * A step's verdict on the device: a choice between new and old values, and the record of refusals with this step in it.
 *
 * @param written the new values, where they may overflow though all that they are computed from is finite
 */
export function decideOnDevice(
  tf: TensorFlow,
  evaluator: Evaluator,
  outcomes: readonly UnitOutcome[],
  previous: Refused | undefined,
  written: readonly Tensor[] = [],
): { readonly choose: (fresh: Tensor, old: Tensor) => Tensor; readonly refused: Refused } {
  const statuses = outcomes.flatMap(({ values }) => (values ? [evaluator.tensor(values.status)] : []))
  if (written.length > 0) {
    const infinite = written.map((x) => sumAll(tf, tf.cast(tf.logicalNot(tf.isFinite(x)), 'float32')))
    const some = tf.greater(addAll(tf, infinite), 0)
    statuses.push(tf.mul(tf.cast(some, 'float32'), evaluator.tensor(stepStatus.nonFinite)))
  }
  const worst = statuses.reduce((a, b) => tf.maximum(a, b))
  const ok = tf.equal(worst, evaluator.tensor(stepStatus.ok))
  const count = tf.sub(evaluator.tensor(1), tf.cast(ok, 'float32'))
  return {
    choose: (fresh, old) => tf.where(ok, fresh, old),
    refused: {
      count: tf.keep(previous ? tf.add(previous.count, count) : count),
      worst: tf.keep(previous ? tf.maximum(previous.worst, worst) : worst.clone()),
    },
  }
}

/** Reads records of refusals, in one transfer. */
export async function readRefused(
  tf: TensorFlow,
  records: readonly Refused[],
): Promise<{ readonly count: number; readonly worst: number }[]> {
  const numbers = await readScalars(
    tf,
    records.flatMap(({ count, worst }) => [count, worst]),
  )
  return records.map((_, i) => ({ count: numbers[2 * i]!, worst: numbers[2 * i + 1]! }))
}

export function forgetRefused(tf: TensorFlow, refused: Refused | undefined): void {
  if (refused) tf.dispose([refused.count, refused.worst])
}
