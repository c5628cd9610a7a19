import type { MetricUnit } from '@induced-metric/core/adapter'
import type { Tensor, TensorFlow } from './namespace.js'

/** The report of a step. Its scalars may still be on the device. */
export interface PendingReport<V = Tensor | number> {
  /** Whether the host skipped the step. */
  readonly skipped: boolean
  readonly learningRate: number
  readonly loss: V | undefined
  readonly units: readonly PendingUnit<V>[]
}

/** The results of a metric unit. ξ is NaN where none of its variables has a gradient. */
export interface PendingUnit<V> {
  readonly unit: MetricUnit
  readonly xi: number
  readonly dualNorm: V
  readonly metric: V
  readonly scale: V
  /** One of the core's `stepStatus`. */
  readonly status: V
}

/** Keeps clones of the scalars beyond the `tf.tidy` they were computed in. */
export function keepReport(tf: TensorFlow, report: PendingReport): PendingReport {
  return mapScalars(report, (x) => (typeof x === 'number' ? x : tf.keep(x.clone())))
}

/** Disposes of the scalars that {@link keepReport} kept. */
export function disposeReport(report: PendingReport | undefined): void {
  if (!report) return
  disposeScalar(report.loss)
  for (const { dualNorm, metric, scale, status } of report.units) {
    disposeScalar(dualNorm)
    disposeScalar(metric)
    disposeScalar(scale)
    disposeScalar(status)
  }
}

function disposeScalar(x: Tensor | number | undefined): void {
  if (typeof x === 'object') x.dispose()
}

/** Reads the scalars of a report, in one transfer. */
export async function readReport(tf: TensorFlow, report: PendingReport): Promise<PendingReport<number>> {
  const numbers = await readScalars(tf, scalarsOf(report))
  return mapScalars(report, () => numbers.shift()!)
}

function scalarsOf(report: PendingReport): (Tensor | number)[] {
  const scalars: (Tensor | number)[] = []
  mapScalars(report, (x) => scalars.push(x))
  return scalars
}

function mapScalars<A, B>({ loss, units, ...rest }: PendingReport<A>, map: (x: A) => B): PendingReport<B> {
  return {
    ...rest,
    loss: loss === undefined ? undefined : map(loss),
    units: units.map(({ unit, xi, dualNorm, metric, scale, status }) => {
      return {
        unit,
        xi,
        dualNorm: map(dualNorm),
        metric: map(metric),
        scale: map(scale),
        status: map(status),
      }
    }),
  }
}

/** Reads scalars in one transfer; numbers pass through. */
export async function readScalars(tf: TensorFlow, values: readonly (Tensor | number)[]): Promise<number[]> {
  const tensors = values.filter((x) => typeof x !== 'number')
  if (tensors.length === 0) return [...values] as number[]
  const packed = tf.tidy(() => tf.stack(tensors.map((x) => tf.cast(x, 'float32'))))
  const read = [...(await packed.data())]
  packed.dispose()
  return values.map((x) => (typeof x === 'number' ? x : read.shift()!))
}
