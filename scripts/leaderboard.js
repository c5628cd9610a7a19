// Other people's optimisers, measured against the conventions of the bases: where they are, and the page about them.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { conventionsOf } from '@induced-metric/conformance'
import { root, run, workspaces } from './workspace.js'

/**
 * @typedef {import('@induced-metric/conformance').ConformanceTarget} ConformanceTarget
 * @typedef {import('@induced-metric/conformance').ConventionReport} ConventionReport
 * @typedef {Pick<import('@induced-metric/conformance').Convention, 'id' | 'base' | 'status' | 'error' | 'call' | 'agreesWith'>} Row
 */

/**
 * The part of a report that the docs store. Errors have two digits: the others may differ between processors.
 *
 * @typedef {object} Summary
 * @property {string} source - the file of the target, from the root
 * @property {Pick<ConventionReport['manifest'], 'name' | 'version' | 'framework'>} manifest
 * @property {number} version - of the set of cases
 * @property {string} dtype
 * @property {Record<string, string>} notes - facts of the optimiser's interface beside the measurements, by base
 * @property {Row[]} conventions
 */

/** @typedef {() => ConformanceTarget | Promise<ConformanceTarget>} Start */

/**
 * An optimiser that can be measured.
 *
 * @typedef {object} Source
 * @property {string} file - of the target, from the root
 * @property {string} name - of the target in a module, or of the file
 * @property {string | undefined} missing - the reason why it cannot be measured here
 * @property {string | Start} start - of a process, the command
 * @property {Record<string, string>} notes
 */

const folder = 'docs/conformance/leaderboard'

/** The page, from the root. */
export const leaderboardPage = 'docs/conformance/leaderboard.md'

/** The targets in other languages: the program that runs them, and what it must have. */
const processes = [
  { file: 'python/template.py', modules: [] },
  { file: 'python/numpy_sgd.py', modules: ['numpy'] },
  { file: 'python/torch_optim.py', modules: ['torch'] },
  { file: 'python/paper.py', modules: ['torch'], path: 'INDUCED_METRIC_PAPER' },
  { file: 'perl/adam.pl', modules: [] },
]

/**
 * The first interpreter of Python that can import the modules.
 *
 * @param {string[]} modules
 */
function python(modules) {
  const code = `import sys${modules.map((name) => `, ${name}`).join('')}; assert sys.version_info >= (3, 8)`
  return [process.env['PYTHON'] ?? 'python3', '/usr/bin/python3'].find(
    (name) => spawnSync(name, ['-c', code]).status === 0,
  )
}

/**
 * @param {(typeof processes)[number]} given
 * @returns {Source}
 */
function processSource({ file, modules, path }) {
  const place = `packages/conformance/targets/${file}`
  const isPerl = file.endsWith('.pl')
  const program = isPerl
    ? ['perl'].find((name) => spawnSync(name, ['-MJSON::PP', '-e', '1']).status === 0)
    : python(modules)
  const needs = isPerl ? 'Perl' : `Python 3.8${modules.map((name) => ` with ${name}`).join('')}`
  const missing =
    program === undefined
      ? `it needs ${needs}`
      : path !== undefined && process.env[path] === undefined
        ? `${path} does not say where its file is`
        : undefined
  return { file: place, name: file, missing, start: `${program} ${place}`, notes: {} }
}

/**
 * Every optimiser of others: those that a package lists in `test/conformance/plain.js`, and those in other languages.
 *
 * @returns {Promise<Source[]>}
 */
export async function findSources() {
  const modules = workspaces()
    .map(({ folder }) => `${folder}/test/conformance/plain.js`)
    .filter((file) => existsSync(join(root, file)))
  const inModules = await Promise.all(
    modules.map(async (file) => {
      const { targets, notes = {} } =
        /** @type {{ targets: Record<string, Start>, notes?: Record<string, Record<string, string>> }} */ (
          await import(pathToFileURL(join(root, file)).href)
        )
      return Object.entries(targets).map(([name, start]) => ({
        file,
        name,
        missing: undefined,
        start,
        notes: notes[name] ?? {},
      }))
    }),
  )
  return [...inModules.flat(), ...processes.map(processSource)]
}

/**
 * Measures an optimiser. One in another language is run by the command, which has to be built.
 *
 * @param {Source} source
 * @returns {Promise<Summary>}
 */
export async function measure(source) {
  const { file, start } = source
  if (typeof start === 'function') return summarize(source, await conventionsOf(await start()))
  const place = mkdtempSync(join(tmpdir(), 'induced-metric-leaderboard-'))
  try {
    const json = join(place, 'report.json')
    const command = ['packages/conformance/dist/bin.js', 'conventions', '--exec', start, '--json', json]
    const { status, output } = run(process.execPath, command)
    if (status !== 0) throw new Error(`${file} cannot be measured:\n${output}`)
    return summarize(source, /** @type {ConventionReport} */ (JSON.parse(readFileSync(json, 'utf8'))))
  } finally {
    rmSync(place, { recursive: true, force: true })
  }
}

/**
 * @param {Source} source
 * @param {ConventionReport} report
 * @returns {Summary}
 */
function summarize({ file, notes }, { manifest, version, dtype, conventions }) {
  const { name, version: own, framework } = manifest
  return {
    source: file,
    manifest: { name, version: own, ...(framework === undefined ? {} : { framework }) },
    version,
    dtype,
    notes,
    conventions: conventions.map(({ id, base, status, error, call, agreesWith }) => ({
      id,
      base,
      status,
      ...(status === 'deviates' ? { error: error && Number(error.toPrecision(2)), call } : {}),
      ...(agreesWith === undefined ? {} : { agreesWith: [...agreesWith] }),
    })),
  }
}

/** @param {Summary} summary */
function fileOf({ manifest: { name, version } }) {
  return `${`${name} ${version}`.toLowerCase().replaceAll(/[^a-z0-9.]+/g, '-')}.json`
}

/** @returns {Summary[]} by name */
export function readLeaderboard() {
  if (!existsSync(join(root, folder))) return []
  return readdirSync(join(root, folder))
    .sort()
    .map((file) => /** @type {Summary} */ (JSON.parse(readFileSync(join(root, folder, file), 'utf8'))))
}

/** @param {Summary} summary */
export function writeLeaderboard(summary) {
  mkdirSync(join(root, folder), { recursive: true })
  writeFileSync(join(root, folder, fileOf(summary)), `${JSON.stringify(summary, undefined, 2)}\n`)
}

/** @param {Row} row */
function baseName({ base }) {
  return base.slice(0, base.indexOf('('))
}

/**
 * How an optimiser stands to one base, in a cell.
 *
 * @param {Summary} summary
 * @param {string} name
 */
function cell({ conventions }, name) {
  const rows = conventions.filter((row) => baseName(row) === name && row.status !== 'refused')
  if (rows.length === 0) return ''
  const follows = rows.filter(({ status }) => status === 'follows').length
  return follows === rows.length ? `✓ ${follows}` : `${follows} of ${rows.length}`
}

/** @param {readonly (readonly (string | number)[])[]} rows */
function table(rows) {
  const [head = []] = rows
  return [head, head.map(() => '---'), ...rows.slice(1)].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

/** @param {Summary} summary */
function nameOf({ manifest: { name, version } }) {
  return `${name} ${version}`
}

/** @param {readonly Summary[]} summaries */
function deviations(summaries) {
  return summaries.flatMap((summary) =>
    summary.conventions
      .filter(({ status }) => status === 'deviates' || status === 'fails')
      .map((row) => [
        nameOf(summary),
        `\`${row.base}\``,
        `\`${row.id}\``,
        row.status === 'fails' ? 'fails' : (row.error ?? 'not finite'),
        row.call ?? '',
        (row.agreesWith ?? []).join(' or '),
        summary.notes[baseName(row)] ?? '',
      ]),
  )
}

/**
 * @param {readonly Summary[]} summaries
 * @returns {string} the page
 */
export function renderLeaderboard(summaries) {
  const bases = [...new Set(summaries.flatMap(({ conventions }) => conventions.map(baseName)))]
  const followed = summaries.map((summary) => [
    `[${nameOf(summary)}](../../${summary.source})`,
    summary.dtype,
    summary.version,
    ...bases.map((name) => cell(summary, name)),
  ])
  return `# Who follows which convention

Optimisers of other libraries, as they are, against the conventions of [the bases](../bases.md). \`npm run docs:leaderboard\` measures them
and writes this page. An optimiser of your own is measured by

\`\`\`sh
npx induced-conformance conventions --exec "python3 my_target.py"
\`\`\`

Each problem of the suite's \`step\` family is run with the hyperparameters of the case, at ξ = 0 where the optimiser has no metric. The error of a step is the largest
difference from the [oracle](../conformance.md#what-the-suite-asks), relative to the tensor's largest magnitude. An optimiser follows the convention
if no step is further off than its arithmetic allows. A deviation is no fault by itself: libraries put ε in different places. It matters to whoever moves
hyperparameters from one library to another.

## Followed

The number of problems that it follows, of those whose hyperparameters it has. *Suite* is the version that measured it.

${table([['optimiser', 'type', 'suite', ...bases.map((name) => `\`${name}\``)], ...followed])}

## Deviations

The error is the largest over all steps of the problem, and *call* is the first step at which it is too large. *Agrees with* names a change that makes the
deviation vanish: measured by the same problem with that hyperparameter switched off.

${table([['optimiser', 'base', 'case', 'error', 'call', 'agrees with', 'known reason'], ...deviations(summaries)])}

The paper's three classes are measured where \`INDUCED_METRIC_PAPER\` gives the path of the author's \`torch_imp.py\`. jax-js has no optimisers
in its package, and its \`optax\` is not on npm.
`
}

/** Writes the page again. */
export function updateLeaderboard() {
  writeFileSync(join(root, leaderboardPage), renderLeaderboard(readLeaderboard()))
}
