import type { Metric } from '../study/study.js'

/**
 * How a run ended: it finished, was stopped early, threw an error or lost its thread (`failed`), gave a metric that is NaN
 * or infinite (`notFinite`), or took longer than `secondsPerRun` (`timedOut`).
 */
export type RunStatus = 'finished' | 'stopped' | 'failed' | 'notFinite' | 'timedOut'

/** All ways in which a run ends, in the order in which they are listed. */
export const runStatuses = [
  'finished',
  'stopped',
  'failed',
  'notFinite',
  'timedOut',
] as const satisfies readonly RunStatus[]

/** One report of a run. */
export interface RunReport {
  readonly step: number
  readonly metrics: Readonly<Record<string, number>>
}

/** The result of a run. */
export interface RunOutcome {
  readonly status: RunStatus
  /** The study's metric; null where the run has none that is finite. A run that was stopped has the one of that moment. */
  readonly value: number | null
  /** All metrics of the end, by name. */
  readonly metrics: Readonly<Record<string, number>>
  readonly reports: readonly RunReport[]
  /** The message of what was thrown, with its stack. */
  readonly error: string | null
  /** Time on the worker's clock, in seconds. */
  readonly seconds: number
}

/** The numbers that JSON lacks. */
const lacking = new Map([
  [NaN, 'NaN'],
  [Infinity, 'Infinity'],
  [-Infinity, '-Infinity'],
])

/** JSON that gives back all numbers, bit for bit: as texts those that JSON lacks. */
export function encode(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'number' ? (Object.is(inner, -0) ? '-0' : (lacking.get(inner) ?? inner)) : inner,
  )
}

/** Numbers by name from what `encode` made of them. */
function decodeNumbers(given: Readonly<Record<string, number | string>>): Record<string, number> {
  return Object.fromEntries(Object.entries(given).map(([name, value]) => [name, Number(value)]))
}

/** Metrics from their text. */
export function decodeMetrics(text: string): Record<string, number> {
  return decodeNumbers(JSON.parse(text) as Record<string, number | string>)
}

/** Reports from their text. */
export function decodeReports(text: string): RunReport[] {
  return (JSON.parse(text) as { step: number; metrics: Record<string, number | string> }[]).map(
    ({ step, metrics }) => ({ step, metrics: decodeNumbers(metrics) }),
  )
}

/** An outcome from its text. */
export function decodeOutcome(text: string): RunOutcome {
  const outcome = JSON.parse(text) as Omit<RunOutcome, 'value'> & { value: number | string | null }
  return {
    ...outcome,
    value: outcome.value === null ? null : Number(outcome.value),
    metrics: decodeNumbers(outcome.metrics),
    reports: outcome.reports.map(({ step, metrics }) => ({ step, metrics: decodeNumbers(metrics) })),
  }
}

/** The outcome of a run that could not say anything itself. */
export function lostRun(status: 'failed' | 'timedOut', error: string, seconds: number): RunOutcome {
  return { status, value: null, metrics: {}, reports: [], error, seconds }
}

/** Whether one value of a metric is better than another. NaN is worse than anything. */
export function isBetter({ goal }: Pick<Required<Metric>, 'goal'>, value: number, other: number): boolean {
  if (Number.isNaN(value)) return false
  return Number.isNaN(other) || (goal === 'minimize' ? value < other : value > other)
}

/** A metric as a loss: smaller is better. */
export function toLoss({ goal }: Pick<Required<Metric>, 'goal'>, value: number): number {
  return goal === 'minimize' ? value : -value
}

/** The reported value that counts, or undefined if the metric was not reported. */
export function reportedValue(metric: Required<Metric>, reports: readonly RunReport[]): number | undefined {
  let found: number | undefined
  for (const { metrics } of reports) {
    const value = metrics[metric.name]
    if (value === undefined) continue
    if (metric.of === 'last' || found === undefined || isBetter(metric, value, found)) found = value
  }
  return found
}
