import { stepStatus, type MetricUnit, type UnitResult } from '@induced-metric/core/adapter'
import type { Tensor, TensorFlow } from './namespace.js'

/** The results of a metric unit that are reported: numbers, or scalars on the device. */
export interface UnitScalars {
  readonly dualNorm: Tensor | number
  readonly metric: Tensor | number
  readonly scale: Tensor | number
  /** One of the core's `stepStatus`. */
  readonly status: Tensor | number
}

/** The report of a step, whose scalars may still be on the device. */
export interface PendingReport {
  /** Whether the host skipped the step. */
  readonly skipped: boolean
  readonly learningRate: number
  readonly loss: Tensor | number | undefined
  /** By metric unit; no `values` and a NaN ξ where none of its variables has a gradient. */
  readonly units: readonly { readonly unit: MetricUnit; readonly xi: number; readonly values?: UnitScalars }[]
}

/** A pending report whose scalars have been read. */
export interface ReadReport extends Omit<PendingReport, 'loss' | 'units'> {
  readonly loss: number | undefined
  readonly units: readonly (UnitResult & { readonly status: number })[]
}

/** Keeps clones of the scalars beyond the `tf.tidy` they were computed in. */
export function keepReport(tf: TensorFlow, { loss, units, ...rest }: PendingReport): PendingReport {
  const keep = (x: Tensor | number): Tensor | number => (typeof x === 'number' ? x : tf.keep(x.clone()))
  return {
    ...rest,
    loss: loss === undefined ? undefined : keep(loss),
    units: units.map(({ unit, xi, values }) => {
      if (!values) return { unit, xi }
      const { dualNorm, metric, scale, status } = values
      return {
        unit,
        xi,
        values: { dualNorm: keep(dualNorm), metric: keep(metric), scale: keep(scale), status: keep(status) },
      }
    }),
  }
}

/** Disposes of the scalars that {@link keepReport} kept. */
export function disposeReport(tf: TensorFlow, report: PendingReport | undefined): void {
  if (report) tf.dispose([report.loss, ...report.units.map(({ values }) => values ?? {})] as never)
}

/** Reads the scalars of a report, in one transfer. */
export async function readReport(
  tf: TensorFlow,
  { loss, units, ...rest }: PendingReport,
): Promise<ReadReport> {
  const fields = units.flatMap(({ values }) =>
    values ? [values.dualNorm, values.metric, values.scale, values.status] : [],
  )
  const [lossValue, ...numbers] = await readScalars(tf, [loss ?? NaN, ...fields])
  return {
    ...rest,
    loss: loss === undefined ? undefined : lossValue,
    units: units.map(({ unit, xi, values }) => {
      if (!values) return { unit, xi, dualNorm: NaN, metric: NaN, scale: 0, status: stepStatus.ok }
      const [dualNorm, metric, scale, status] = numbers.splice(0, 4) as [number, number, number, number]
      return { unit, xi, dualNorm, metric, scale, status }
    }),
  }
}

/** Reads scalars in one transfer; numbers pass through. */
export async function readScalars(tf: TensorFlow, values: readonly (Tensor | number)[]): Promise<number[]> {
  const tensors = values.filter((x) => typeof x !== 'number')
  if (tensors.length === 0) return values as number[]
  const packed = tf.tidy(() => tf.stack(tensors.map((x) => tf.cast(x, 'float32'))))
  const read = [...(await packed.data())]
  packed.dispose()
  return values.map((x) => (typeof x === 'number' ? x : read.shift()!))
}
