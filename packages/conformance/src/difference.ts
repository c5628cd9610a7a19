import { limits, toleranceOf, type Manifest } from './manifest.js'
import type { CaseResult, CaseStatus, ConformanceReport } from './report.js'

/** A case whose status changed. A status is missing if the case was not run. */
export interface ChangedCase {
  readonly id: string
  readonly title: string
  readonly before: CaseStatus | undefined
  readonly after: CaseStatus | undefined
  /** The message of a case that fails now. */
  readonly message?: string
}

/** A fact that a report states about its adapter, before and after. */
export interface ChangedFact {
  readonly what: string
  readonly before: string
  readonly after: string
  /** Whether the adapter promises less than before, or was asked less. */
  readonly regression: boolean
}

/** The changes from one report of an adapter to the next. */
export interface ReportDifference {
  /** About the suite, the adapter, its framework and its manifest. */
  readonly facts: readonly ChangedFact[]
  /** Fails now and did not before: the adapter changed, or the case is new. */
  readonly newlyFailing: readonly ChangedCase[]
  /** Failed before, and no longer does. */
  readonly fixed: readonly ChangedCase[]
  /** Failed before, and still does. */
  readonly stillFailing: readonly ChangedCase[]
  /** Passed before, and is refused now because the manifest no longer declares a feature it needs. */
  readonly withdrawn: readonly ChangedCase[]
  /** Refused before, and passes now. */
  readonly gained: readonly ChangedCase[]
  /** Missing from the earlier report, and does not fail. */
  readonly added: readonly ChangedCase[]
  /** Missing from the later report. */
  readonly gone: readonly ChangedCase[]
  /** Whether anything is worse than before. */
  readonly regressed: boolean
}

/** The fact that one of two reports covers only a part of the suite. */
export const partOfSuite = 'part of the suite'

/** The parts of a manifest that reports show, one line each. */
function factsOf({ manifest, version, seed }: ConformanceReport): Readonly<Record<string, string>> {
  const { framework, backend } = manifest
  return {
    suite: `version ${version}`,
    adapter: `${manifest.name} ${manifest.version}`,
    framework: framework === undefined ? '' : `${framework.name} ${framework.version}`,
    backend: backend ?? '',
    seed: String(seed),
  }
}

/** The largest error that a manifest allows on parameters of a type, in words. */
function arithmeticOf(manifest: Manifest, dtype: 'float32' | 'float64'): string {
  const arithmetic = manifest.arithmetic[dtype]
  return arithmetic === undefined ? '' : `elementwise ${arithmetic.elementwise}, sums ${arithmetic.sums}`
}

function changedFacts(before: ConformanceReport, after: ConformanceReport): ChangedFact[] {
  const facts: ChangedFact[] = []
  const note = (what: string, old: string, now: string, regression = false): void => {
    if (old !== now) facts.push({ what, before: old, after: now, regression })
  }
  const [old, now] = [factsOf(before), factsOf(after)]
  for (const what of Object.keys(old)) note(what, old[what]!, now[what]!)
  note(partOfSuite, before.filter ?? 'all', after.filter ?? 'all', before.filter === undefined)
  for (const dtype of ['float32', 'float64'] as const) {
    const [a, b] = [before, after].map(({ manifest }) => manifest.dtypes.includes(dtype))
    note(dtype, a ? 'declared' : 'not declared', b ? 'declared' : 'not declared', a && !b)
    const [coarse, fine] = [after, before].map(({ manifest }) => manifest.arithmetic[dtype])
    const looser =
      coarse !== undefined &&
      fine !== undefined &&
      toleranceOf(coarse, dtype, 1024) > toleranceOf(fine, dtype, 1024)
    note(
      `arithmetic of ${dtype}`,
      arithmeticOf(before.manifest, dtype),
      arithmeticOf(after.manifest, dtype),
      looser,
    )
  }
  const capabilities = new Set([...before.manifest.capabilities, ...after.manifest.capabilities])
  for (const capability of capabilities) {
    const [a, b] = [before, after].map(({ manifest }) => manifest.capabilities.includes(capability))
    note(capability, a ? 'declared' : 'not declared', b ? 'declared' : 'not declared', a && !b)
  }
  for (const limit of limits) {
    const [a, b] = [before, after].map(({ manifest }) => manifest.limits?.includes(limit) ?? false)
    note(`limit ${limit}`, a ? 'declared' : 'not declared', b ? 'declared' : 'not declared', !a && b)
  }
  return facts
}

/**
 * Compares two reports, case by case.
 *
 * @param before - the earlier report
 * @param after - the later one, usually of the same adapter and backend
 * @returns the changes. `regressed` is true if a case fails that did not before, a case or a capability is gone, or the manifest
 *   allows larger errors
 *
 * @example
 * ```ts no-run
 * import { compareReports, type ConformanceReport } from '@induced-metric/conformance'
 *
 * declare const [before, after]: ConformanceReport[]
 * const { regressed, newlyFailing } = compareReports(before!, after!)
 * if (regressed) console.log(newlyFailing.map(({ id }) => id))
 * ```
 */
export function compareReports(before: ConformanceReport, after: ConformanceReport): ReportDifference {
  const old = new Map(before.cases.map((result) => [result.id, result]))
  const now = new Map(after.cases.map((result) => [result.id, result]))
  const lists: Record<
    'newlyFailing' | 'fixed' | 'stillFailing' | 'withdrawn' | 'gained' | 'added' | 'gone',
    ChangedCase[]
  > = { newlyFailing: [], fixed: [], stillFailing: [], withdrawn: [], gained: [], added: [], gone: [] }
  for (const result of after.cases) {
    const was = old.get(result.id)?.status
    const list = listOf(was, result.status)
    if (list !== undefined) lists[list].push(changedCase(result, was, result.status))
  }
  for (const result of before.cases) {
    if (!now.has(result.id)) lists.gone.push(changedCase(result, result.status, undefined))
  }
  const facts = changedFacts(before, after)
  const regressed =
    [lists.newlyFailing, lists.withdrawn, lists.gone].some(({ length }) => length > 0) ||
    facts.some(({ regression }) => regression)
  return { facts, ...lists, regressed }
}

function listOf(
  before: CaseStatus | undefined,
  after: CaseStatus,
): 'newlyFailing' | 'fixed' | 'stillFailing' | 'withdrawn' | 'gained' | 'added' | undefined {
  if (after === 'failed') return before === 'failed' ? 'stillFailing' : 'newlyFailing'
  if (before === undefined) return 'added'
  if (before === 'failed') return 'fixed'
  if (before === after) return undefined
  return after === 'passed' ? 'gained' : 'withdrawn'
}

function changedCase(
  { id, title, message }: CaseResult,
  before: CaseStatus | undefined,
  after: CaseStatus | undefined,
): ChangedCase {
  return { id, title, before, after, ...(after === 'failed' && message !== undefined && { message }) }
}

/** The reason why a value is no report, in words; `undefined` if it is one. */
export function reportProblem(value: unknown): string | undefined {
  const report = value as Partial<ConformanceReport> | null
  if (typeof report !== 'object' || report?.format !== 'induced-metric-conformance') {
    return 'it is no report of this suite, as --json writes it'
  }
  if (!Array.isArray(report.cases)) return 'it has no cases: it is a summary, not the whole report'
  const { manifest } = report
  if (manifest === undefined || !Array.isArray(manifest.capabilities) || !Array.isArray(manifest.dtypes)) {
    return 'its manifest is not complete'
  }
  return undefined
}
