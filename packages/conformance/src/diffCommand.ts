import type { CommandIo } from './commandIo.js'
import {
  compareReports,
  partOfSuite,
  reportProblem,
  type ChangedCase,
  type ReportDifference,
} from './difference.js'
import { familyOf } from './case.js'
import { renderTable } from './text.js'
import type { ConformanceReport } from './report.js'

/** Longer lists of cases that are not worse are summarised by family. */
const listedAtMost = 10

const lists = [
  ['newlyFailing', 'newly failing', '✗'],
  ['withdrawn', 'no longer supported', '✗'],
  ['gone', 'gone', '✗'],
  ['stillFailing', 'still failing', '•'],
  ['fixed', 'fixed', '✓'],
  ['gained', 'newly supported', '✓'],
  ['added', 'new cases', '+'],
] as const

/**
 * Compares two reports that the command wrote, and prints the changes.
 *
 * @returns the exit code: 0 if nothing is worse, 1 if something is, 2 if the reports could not be compared
 */
export async function diffCommand(
  files: readonly string[],
  io: Pick<CommandIo, 'out' | 'err' | 'read'>,
): Promise<number> {
  if (files.length !== 2) {
    io.err(
      `induced-conformance: diff compares two reports, as in induced-conformance diff old.json new.json\n`,
    )
    return 2
  }
  const reports: ConformanceReport[] = []
  for (const file of files) {
    try {
      const value: unknown = JSON.parse(await io.read(file))
      const problem = reportProblem(value)
      if (problem !== undefined) throw new TypeError(problem)
      reports.push(value as ConformanceReport)
    } catch (error) {
      io.err(`induced-conformance: ${file}: ${error instanceof Error ? error.message : String(error)}\n`)
      return 2
    }
  }
  const [before, after] = reports as [ConformanceReport, ConformanceReport]
  const difference = compareReports(before, after)
  io.out(renderDifference(before, after, difference))
  return difference.regressed ? 1 : 0
}

function renderDifference(
  before: ConformanceReport,
  after: ConformanceReport,
  difference: ReportDifference,
): string {
  const lines: string[] = []
  if (difference.facts.length > 0) {
    const rows = difference.facts.map(({ what, before, after, regression }) => [
      `${regression ? '✗ ' : '  '}${what}`,
      before === '' ? '–' : before,
      after === '' ? '–' : after,
    ])
    lines.push(...renderTable([['  changed', 'before', 'after'], ...rows], ['start', 'start', 'start']), '')
  }
  for (const [key, title, mark] of lists) {
    const changed = difference[key]
    if (changed.length > 0) lines.push(`${title}: ${changed.length}`, ...renderCases(changed, mark), '')
  }
  const statuses = ['passed', 'failed', 'not-supported-as-declared'] as const
  const counts = statuses.map((status) => [
    status === 'not-supported-as-declared' ? 'not supported' : status,
    String(before.totals[status]),
    String(after.totals[status]),
  ])
  lines.push(...renderTable([['cases', 'before', 'after'], ...counts], ['start', 'end', 'end']), '')
  const worse = lists
    .filter(([key, , mark]) => mark === '✗' && difference[key].length > 0)
    .map(([key, title]) => `${difference[key].length} ${title}`)
  const broken = difference.facts.filter(({ regression }) => regression).map(({ what }) => what)
  if (broken.includes(partOfSuite)) worse.push('only a part of the suite was run')
  const promises = broken.filter((what) => what !== partOfSuite).length
  if (promises > 0) worse.push(`${promises} promise${promises === 1 ? '' : 's'} of the manifest withdrawn`)
  const part = after.filter === undefined ? '' : ` in a part of the suite: ${after.filter}`
  lines.push(difference.regressed ? `worse: ${worse.join(', ')}` : `nothing is worse${part}`)
  return `${lines.join('\n')}\n`
}

function renderCases(cases: readonly ChangedCase[], mark: string): string[] {
  if (mark === '✓' || mark === '+') {
    if (cases.length > listedAtMost) {
      const families = new Map<string, number>()
      for (const { id } of cases) families.set(familyOf(id), (families.get(familyOf(id)) ?? 0) + 1)
      return [`  ${mark} ${[...families].map(([family, count]) => `${family} ${count}`).join(', ')}`]
    }
  }
  return cases.flatMap(({ id, title, before, after, message }) => [
    `  ${mark} ${id}  ${before ?? 'not there'} → ${after ?? 'not there'}  ${title}`,
    // The message begins with the title.
    ...(message ?? '')
      .split('\n')
      .slice(1)
      .map((line) => `    ${line}`),
  ])
}
