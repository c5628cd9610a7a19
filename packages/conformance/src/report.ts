import type { Worst } from './compare.js'
import type { Manifest } from './manifest.js'

/** The status of a case. `not-supported-as-declared`: the manifest leaves the feature out, and the adapter refuses it properly. */
export type CaseStatus = 'passed' | 'failed' | 'not-supported-as-declared'

/** One case's result. */
export interface CaseResult {
  readonly id: string
  readonly family: string
  readonly title: string
  readonly status: CaseStatus
  /** The fault of a failed case, or the missing capability of one that is not supported. */
  readonly message?: string
  /** The comparison that used the largest share of its tolerance. */
  readonly worst?: Worst
}

/** The result of a run: plain data. */
export interface ConformanceReport {
  readonly format: 'induced-metric-conformance'
  /** Version of the set of cases. */
  readonly version: number
  readonly manifest: Manifest
  /** The seed of the property cases. */
  readonly seed: number
  /** The part of the suite that was run, if not all of it. Such a report proves no conformance. */
  readonly filter?: string
  /** Whether the thorough stage was run as well. */
  readonly thorough?: true
  readonly totals: Readonly<Record<CaseStatus, number>>
  readonly cases: readonly CaseResult[]
}

/** Counts of one family. */
export interface FamilyRow extends Record<CaseStatus, number> {
  readonly family: string
}

/** Counts by family, in the order of the cases. */
export function byFamily(cases: readonly CaseResult[]): FamilyRow[] {
  const rows = new Map<string, FamilyRow>()
  for (const { family, status } of cases) {
    let row = rows.get(family)
    if (row === undefined) {
      row = { family, passed: 0, failed: 0, 'not-supported-as-declared': 0 }
      rows.set(family, row)
    }
    row[status]++
  }
  return [...rows.values()]
}
