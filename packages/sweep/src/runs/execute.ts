import { shown } from '../errors.js'
import type { FullStudy, RunResult } from '../study/study.js'
import type { Job } from './job.js'
import {
  isBetter,
  reportedValue,
  toLoss,
  type RunOutcome,
  type RunReport,
  type RunStatus,
} from './outcome.js'

/** Thrown by `report` where a run is to end. */
class RunEnded extends Error {
  override readonly name = 'RunEnded'
  readonly status: 'stopped' | 'timedOut'

  constructor(status: RunEnded['status']) {
    super(status === 'stopped' ? 'stopped early' : 'the time for this run is over')
    this.status = status
  }
}

/** Runs the training function of a study once, and tells what came of it. It never throws. */
export async function execute(study: FullStudy, job: Job): Promise<RunOutcome> {
  const begin = performance.now()
  const seconds = (): number => (performance.now() - begin) / 1000
  const controller = new AbortController()
  const reports: RunReport[] = []
  // Where a run catches what `report` throws, it has ended early all the same.
  let ended: RunEnded | undefined
  const end = (status: RunEnded['status']): RunEnded => {
    ended ??= new RunEnded(status)
    controller.abort(ended)
    return ended
  }
  const limit = study.secondsPerRun
  const timer = limit === undefined ? undefined : setTimeout(() => end('timedOut'), limit * 1000)
  const isTooBad = judge(study, job)
  const report = (metrics: Readonly<Record<string, number>>, step?: number): void => {
    if (ended !== undefined) throw ended
    const one = checkReport(metrics, step, reports.at(-1)?.step ?? 0)
    reports.push(one)
    // A run that computes without a pause leaves no time for the timer.
    if (limit !== undefined && seconds() > limit) throw end('timedOut')
    if (isTooBad(one)) throw end('stopped')
  }
  let [result, error]: [RunResult, unknown] = [undefined, undefined]
  try {
    const { hyperparameters, seed } = job
    result = await study.run({ hyperparameters, seed, report, signal: controller.signal })
  } catch (thrown) {
    error = thrown
  } finally {
    clearTimeout(timer)
  }
  const found = { reports, seconds: seconds() }
  if (ended !== undefined) return { ...found, ...early(study, ended.status, reports) }
  if (error !== undefined) return { ...found, ...failure(error, reports) }
  return { ...found, ...conclude(study, result, reports) }
}

function checkReport(metrics: Readonly<Record<string, number>>, step: unknown, before: number): RunReport {
  const at = step ?? before + 1
  if (typeof at !== 'number' || !Number.isSafeInteger(at) || at <= before)
    throw new TypeError(`report: the step must be a whole number above ${before}, given ${shown(at)}`)
  return { step: at, metrics: checkMetrics('report', metrics) }
}

function checkMetrics(what: string, metrics: unknown): Record<string, number> {
  if (typeof metrics !== 'object' || metrics === null)
    throw new TypeError(`${what}: metrics must be numbers by name, given ${shown(metrics)}`)
  for (const [name, value] of Object.entries(metrics)) {
    if (typeof value !== 'number')
      throw new TypeError(`${what}: ${name} must be a number, given ${shown(value)}`)
  }
  return { ...(metrics as Record<string, number>) }
}

/** Tells of each report whether the run is to stop with it. */
function judge({ metric }: FullStudy, { thresholds }: Job): (report: RunReport) => boolean {
  let [next, best] = [0, NaN]
  return ({ step, metrics }) => {
    const value = metrics[metric.name]
    if (value === undefined) return false
    if (isBetter(metric, value, best)) best = value
    let isWorse = false
    while (next < thresholds.length && thresholds[next]![0] <= step) {
      isWorse ||= !(toLoss(metric, best) <= thresholds[next]![1])
      next++
    }
    return isWorse
  }
}

type Conclusion = Pick<RunOutcome, 'status' | 'value' | 'metrics' | 'error'>

const finite = (value: number | undefined): number | null =>
  value !== undefined && Number.isFinite(value) ? value : null

function early({ metric }: FullStudy, status: RunStatus, reports: readonly RunReport[]): Conclusion {
  const value = status === 'stopped' ? finite(reportedValue(metric, reports)) : null
  return { status, value, metrics: reports.at(-1)?.metrics ?? {}, error: null }
}

function failure(error: unknown, reports: readonly RunReport[]): Conclusion {
  const text = error instanceof Error ? (error.stack ?? error.message) : shown(error)
  return { status: 'failed', value: null, metrics: reports.at(-1)?.metrics ?? {}, error: text.slice(0, 4000) }
}

/** What a run has come to that neither ended early nor threw. */
function conclude({ metric }: FullStudy, result: RunResult, reports: readonly RunReport[]): Conclusion {
  let metrics: Record<string, number>
  try {
    const returned = typeof result === 'number' ? { [metric.name]: result } : (result ?? {})
    metrics = { ...reports.at(-1)?.metrics, ...checkMetrics('run', returned) }
    const best = metric.of === 'best' ? reportedValue(metric, [...reports, { step: 0, metrics }]) : undefined
    const value = best ?? metrics[metric.name] ?? reportedValue(metric, reports)
    if (value === undefined)
      throw new TypeError(
        `run: the metric ${shown(metric.name)} was neither returned nor reported; there was ${Object.keys(metrics).join(', ') || 'nothing'}`,
      )
    metrics[metric.name] = value
    return Number.isFinite(value)
      ? { status: 'finished', value, metrics, error: null }
      : { status: 'notFinite', value: null, metrics, error: null }
  } catch (error) {
    return failure(error, reports)
  }
}
