import type { MetricUnit } from '../step/plan.js'
import type { VariableBackend } from './backend.js'

/** The report of a step. Its scalars may still be on the device. */
export interface PendingReport<V> {
  /** Whether the host skipped the step. */
  readonly skipped: boolean
  readonly learningRate: number
  readonly loss: V | undefined
  readonly units: readonly PendingUnit<V>[]
  /** Reads the report where its numbers are in no tensors; all other members but `skipped` then have no meaning. */
  readonly settle?: () => Promise<PendingReport<number>>
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

/** Keeps clones of the scalars beyond the scope that they were computed in. */
export function keepReport<T extends object>(
  backend: VariableBackend<T>,
  report: PendingReport<T | number>,
): PendingReport<T | number> {
  return mapScalars(report, (x) => (typeof x === 'number' ? x : backend.keep(backend.clone(x))))
}

/** Disposes of the scalars that {@link keepReport} kept. */
export function disposeReport<T extends object>(
  backend: VariableBackend<T>,
  report: PendingReport<T | number> | undefined,
): void {
  if (!report) return
  const disposeScalar = (x: T | number | undefined): void => {
    if (typeof x === 'object') backend.dispose(x)
  }
  disposeScalar(report.loss)
  for (const { dualNorm, metric, scale, status } of report.units) {
    disposeScalar(dualNorm)
    disposeScalar(metric)
    disposeScalar(scale)
    disposeScalar(status)
  }
}

/** Reads the scalars of a report, in one transfer. */
export async function readReport<T extends object>(
  backend: VariableBackend<T>,
  report: PendingReport<T | number>,
): Promise<PendingReport<number>> {
  if (report.settle) return report.settle()
  const scalars: (T | number)[] = []
  mapScalars(report, (x) => scalars.push(x))
  const numbers = await readScalars(backend, scalars)
  return mapScalars(report, () => numbers.shift()!)
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
export async function readScalars<T extends object>(
  backend: VariableBackend<T>,
  values: readonly (T | number)[],
): Promise<number[]> {
  const tensors = values.filter((x) => typeof x !== 'number')
  if (tensors.length === 0) return [...values] as number[]
  const read = Array.from(await backend.readScalars(tensors))
  return values.map((x) => (typeof x === 'number' ? x : read.shift()!))
}
