import { badgeJson, badgeOf, badgeSvg } from './badge.js'
import { htmlReport } from './htmlReport.js'
import { byFamily, type CaseResult, type ConformanceReport } from './report.js'
import { reportProblem } from './difference.js'
import type { CommandIo, CommandOptions } from './commandIo.js'
import { openTarget } from './openTarget.js'
import { isPlain } from './manifest.js'
import { runConformance } from './run.js'
import { selectCases, type CaseFilter } from './selection.js'
import type { RemoteTarget } from './protocol/target.js'
import { renderTable } from './text.js'

/** The text of `--help`. */
export const usage = `induced-conformance ./target.js [options]
induced-conformance --exec "python3 target.py" [options]
induced-conformance conventions ./target.js
induced-conformance diff old.json new.json

Runs the conformance suite of induced-metric on an adapter. The module's default export is a target, { manifest, core,
create }, or a function that returns one. It may export several by name as \`targets\`. With --exec, the target is a
process in any language, which answers one JSON object a line with another: see docs/conformance-protocol.md.

  --target name   the target to run, if there are several
  --exec command  the process to run, in place of a module; no shell reads the command
  --timeout s     the seconds that the process may take for an answer (default 30)
  --filter text   only the cases whose id or title contains the text, such as step/adam or float32
  --shard k/n     only the kth of n parts of about equal size
  --failed file   only the cases that failed in a report
  --json file     write the report as JSON
  --html file     write the report as a page
  --badge file    write a badge: an image (.svg), or JSON for shields.io's endpoint
  --thorough      also run tensors of a million elements, a thousand tensors, and 10,000 steps
  --seed n        seed of the property cases (default 1, or INDUCED_CONFORMANCE_SEED)
  --path p        replay one example of a property case; its failure gives the path
  --list          print the cases and run none
  --help          print this

conventions measures how far the target is from each base's convention, at ξ = 0 where it has no metric, and names the
hyperparameters without which it agrees. It takes a module or --exec, --target, --timeout and --json.

diff lists the changes between two reports: cases that fail now, are fixed, new or gone, and changes of the manifest.

Exit code: 0 if nothing failed (diff: nothing is worse), 1 if something did, 2 if the command could not run.
`

/** The files that a run may write: the option that names one, what it is, and its text. */
const outputs: readonly (readonly [
  option: 'json' | 'html' | 'badge',
  what: string,
  text: (report: ConformanceReport, file: string) => string,
])[] = [
  ['json', 'report', (report) => `${JSON.stringify(report, null, 2)}\n`],
  ['html', 'page', htmlReport],
  ['badge', 'badge', (report, file) => (file.endsWith('.svg') ? badgeSvg : badgeJson)(badgeOf(report))],
]

/** Runs the command and returns its exit code. */
export async function command(options: CommandOptions, io: CommandIo): Promise<number> {
  if (options.help === true) {
    io.out(usage)
    return 0
  }
  let filter: CaseFilter | undefined
  try {
    filter = await readFilter(options, io)
    if (options.list === true) {
      for (const { id, title } of selectCases(filter, options.thorough, options.shard))
        io.out(`${id}  ${title}\n`)
      return 0
    }
  } catch (error) {
    return refuse(io, error instanceof Error ? error.message : String(error))
  }
  const { target: module, exec } = options
  const subject = exec ?? module
  if (subject === undefined) return refuse(io, `name the module of a target\n\n${usage}`)
  if (exec !== undefined && module !== undefined) {
    return refuse(io, `a module or --exec, not both: given ${module} and ${exec}`)
  }
  const seed = options.seed === undefined ? undefined : Number(options.seed)
  if (seed !== undefined && !Number.isInteger(seed))
    return refuse(io, `--seed must be a whole number, given ${options.seed}`)

  let opened: RemoteTarget
  try {
    opened = await openTarget(options, io)
  } catch (error) {
    return refuse(io, `${subject}: ${error instanceof Error ? error.message : String(error)}`)
  }
  const report = await runConformance(opened.target, {
    filter,
    shard: options.shard,
    seed,
    path: options.path,
    thorough: options.thorough,
  })
  await opened.end()
  io.out(renderReport(report))
  for (const [option, what, text] of outputs) {
    const file = options[option]
    if (file === undefined) continue
    try {
      await io.write(file, text(report, file))
    } catch (error) {
      return refuse(io, `--${option} ${file}: ${error instanceof Error ? error.message : String(error)}`)
    }
    io.out(`${what}: ${file}\n`)
  }
  return report.totals.failed === 0 ? 0 : 1
}

/** The cases that are asked for, at least one. */
async function readFilter(
  { filter, failed, thorough, shard }: CommandOptions,
  io: CommandIo,
): Promise<CaseFilter | undefined> {
  if (failed === undefined) {
    selectCases(filter, thorough, shard)
    return filter
  }
  if (filter !== undefined) throw new TypeError('give --filter or --failed, not both')
  const report: unknown = JSON.parse(await io.read(failed))
  const problem = reportProblem(report)
  if (problem !== undefined) throw new TypeError(`--failed ${failed}: ${problem}`)
  const ids = (report as ConformanceReport).cases
    .filter(({ status }) => status === 'failed')
    .map(({ id }) => id)
  if (ids.length === 0) throw new RangeError(`--failed ${failed}: nothing failed there`)
  selectCases(ids, thorough, shard)
  return ids
}

function refuse(io: Pick<CommandIo, 'err'>, message: string): number {
  io.err(`induced-conformance: ${message.trimEnd()}\n`)
  return 2
}

/** The failures with their messages, then a table of counts by family. */
function renderReport(report: ConformanceReport): string {
  const { manifest, cases, totals, seed, version, filter } = report
  const lines: string[] = []
  for (const result of cases) if (result.status === 'failed') lines.push(...renderFailure(result), '')
  const rows = byFamily(cases)
  const head = ['family', 'passed', 'failed', 'not supported', 'worst error/allowed']
  const body = rows.map((row) => [
    row.family,
    String(row.passed),
    String(row.failed),
    String(row['not-supported-as-declared']),
    worstOf(cases.filter(({ family }) => family === row.family)),
  ])
  const total = [
    'all',
    String(totals.passed),
    String(totals.failed),
    String(totals['not-supported-as-declared']),
    '',
  ]
  const [first, ...rest] = renderTable(
    [head, ...body, total],
    head.map((_, column) => (column === 0 ? 'start' : 'end')),
  )
  const rule = '-'.repeat(Math.max(...[first!, ...rest].map(({ length }) => length)))
  lines.push(
    [
      manifest.name,
      manifest.version,
      manifest.backend && `on ${manifest.backend}`,
      manifest.framework && `(${manifest.framework.name} ${manifest.framework.version})`,
      `by version ${version} of the suite`,
    ]
      .filter(Boolean)
      .join(' '),
    '',
    first!,
    rule,
    ...rest.slice(0, -1),
    rule,
    rest.at(-1)!,
    '',
    `seed ${seed}; ${totals.failed === 0 ? 'nothing failed' : `${totals.failed} failed`}`,
    ...(report.thorough === true ? ['with the thorough stage'] : []),
    ...(filter === undefined ? [] : [`a part of the suite, which shows no conformance: ${filter}`]),
    ...reasonsOf(cases),
    ...(isPlain(manifest) ? ["`conventions` measures this plain optimiser's hyperparameters, too"] : []),
  )
  return `${lines.join('\n')}\n`
}

/** The most frequent reasons why cases count as not supported. */
function reasonsOf(cases: readonly CaseResult[]): string[] {
  const counts = new Map<string, number>()
  for (const { status, message = '' } of cases) {
    if (status === 'not-supported-as-declared') counts.set(message, (counts.get(message) ?? 0) + 1)
  }
  const frequent = [...counts].sort(([, a], [, b]) => b - a)
  const shown = frequent.slice(0, mostReasons)
  const others = frequent.slice(mostReasons).reduce((sum, [, count]) => sum + count, 0)
  return [
    ...shown.map(([reason, count]) => `not supported: ${count}: ${reason}`),
    ...(others === 0 ? [] : [`not supported: ${others} for other reasons, which the report names`]),
  ]
}

/** The number of reasons that are printed. */
const mostReasons = 3

function renderFailure({ id, message = '' }: CaseResult): string[] {
  return [`✗ ${id}`, ...message.split('\n').map((line) => `  ${line}`)]
}

function worstOf(results: readonly CaseResult[]): string {
  let used: number | undefined
  for (const { worst, status } of results) {
    if (worst === undefined || worst.tolerance === 0 || status === 'failed') continue
    used = Math.max(used ?? 0, worst.error / worst.tolerance)
  }
  return used === undefined ? '' : used.toPrecision(2)
}
