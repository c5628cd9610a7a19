// Reports of the conformance suite, as the docs store and show them.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { allCapabilities } from '@induced-metric/conformance'
import { root, workspaces } from './workspace.js'

/**
 * The part of a report that the docs store: everything but the single cases.
 *
 * @typedef {object} Summary
 * @property {import('@induced-metric/conformance').Manifest} manifest
 * @property {number} version - of the set of cases
 * @property {number} seed
 * @property {import('@induced-metric/conformance').ConformanceReport['totals']} totals
 */

/** The folder of the summaries, from the root. */
const folder = 'docs/conformance'

/** The pages that show the table, from the root. */
export const pages = ['README.md', 'docs/conformance.md']

/** The page that shows what each adapter supports, from the root. */
export const matrixPage = 'docs/conformance.md'

/**
 * @param {import('@induced-metric/conformance').ConformanceReport} report - of the whole suite
 * @returns {Summary}
 */
export function summarize({ manifest, version, seed, totals, filter, thorough }) {
  if (thorough === true)
    throw new Error('the report has the thorough stage as well; the tables show the suite alone')
  if (filter !== undefined) throw new Error(`the report is of a part of the suite: ${filter}`)
  if (manifest.framework?.version === 'FILL IN')
    throw new Error(`the manifest of ${manifest.name} does not say which version of the framework was tested`)
  return { manifest, version, seed, totals }
}

/**
 * What an adapter of this workspace still lacks before it can be in the tables.
 *
 * @param {import('./workspace.js').Manifest} manifest - of the package
 * @param {string} page - of the docs
 * @returns {string[]}
 */
export function listingProblems({ name, peerDependencies = {} }, page) {
  const short = name.replace(/^@[^/]*\//, '')
  return [
    ...(Object.keys(peerDependencies).length === 0
      ? [
          `packages/${short}/package.json has no peerDependencies: the range of the framework that it supports`,
        ]
      : []),
    ...(page.includes('To be written') ? [`docs/adapters/${short}.md says "To be written"`] : []),
  ]
}

/** @param {Summary} summary */
export function writeSummary(summary) {
  const { name, backend, framework } = summary.manifest
  const file = [name.replace(/^@[^/]*\//, ''), backend ?? framework?.version]
    .filter(Boolean)
    .join('-')
    .replaceAll(/[^\w.]+/g, '-')
  mkdirSync(join(root, folder), { recursive: true })
  writeFileSync(join(root, folder, `${file}.json`), `${JSON.stringify(summary, undefined, 2)}\n`)
}

/** @returns {Summary[]} core first, then by name */
export function readSummaries() {
  const path = join(root, folder)
  if (!existsSync(path)) return []
  return readdirSync(path)
    .filter((file) => file.endsWith('.json'))
    .sort((a, b) => Number(b.startsWith('core-')) - Number(a.startsWith('core-')) || (a < b ? -1 : 1))
    .map((file) => /** @type {Summary} */ (JSON.parse(readFileSync(join(path, file), 'utf8'))))
}

/**
 * @param {Summary} summary
 * @param {string} page - from the root, for links
 */
function row({ manifest, totals }, page) {
  const { name, version, framework, backend, dtypes, capabilities, limits = [] } = manifest
  const home = workspaces().find((workspace) => workspace.manifest.name === name)
  const up = page.includes('/') ? '../' : ''
  const missing = [
    ...['float32', 'float64'].filter((dtype) => !dtypes.some((supported) => supported === dtype)),
    ...allCapabilities.filter((capability) => !capabilities.includes(capability)),
    ...limits,
  ]
  return [
    home === undefined ? `${name} ${version}` : `[${name}](${up}${home.folder})`,
    framework === undefined ? '' : `${framework.name} ${framework.version}`,
    backend ?? '',
    dtypes.join(', '),
    totals.passed,
    totals['not-supported-as-declared'],
    totals.failed,
    missing.map((capability) => `\`${capability}\``).join(' '),
  ]
}

/**
 * @param {readonly Summary[]} summaries
 * @param {string} page - from the root
 * @returns {string} a table in markdown
 */
export function renderTable(summaries, page) {
  const head = [
    'adapter', 'framework', 'backend', 'types', 'passed', 'refused as declared', 'failed', 'leaves out',
  ] // prettier-ignore
  const rows = summaries.map((summary) => row(summary, page))
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

/**
 * Adapters × frameworks × backends × capabilities: a column for each report, a row for each capability and type.
 *
 * @param {readonly Summary[]} summaries
 * @returns {string} a table in markdown
 */
export function renderMatrix(summaries) {
  /** @type {[string, (manifest: import('@induced-metric/conformance').Manifest) => string | undefined][]} */
  const facts = [
    ['framework', ({ framework }) => framework && `${framework.name} ${framework.version}`],
    ['backend', ({ backend }) => backend],
    ['adapter', ({ version }) => version],
  ]
  const row = (
    /** @type {string} */ head,
    /** @type {(summary: Summary) => string | number | undefined} */ cell,
  ) => `| ${[head, ...summaries.map((summary) => cell(summary) ?? '')].join(' | ')} |`
  const declared = (/** @type {boolean} */ yes) => (yes ? '✓' : '–')
  return [
    row('', ({ manifest }) => manifest.name.replace(/^@induced-metric\//, '')),
    row('---', () => '---'),
    ...facts.map(([head, cell]) => row(head, ({ manifest }) => cell(manifest))),
    row('suite', ({ version }) => version),
    row('failed', ({ totals }) => totals.failed),
    ...['float32', 'float64'].map((dtype) =>
      row(`\`${dtype}\``, ({ manifest }) => declared(manifest.dtypes.some((it) => it === dtype))),
    ),
    ...allCapabilities.map((capability) =>
      row(`\`${capability}\``, ({ manifest }) => declared(manifest.capabilities.includes(capability))),
    ),
  ].join('\n')
}

/**
 * @param {string} text - of a page
 * @param {'table' | 'matrix'} what
 * @param {string} table
 * @returns {string} the page with the table between its markers
 */
export function replaceTable(text, what, table) {
  const markers = [`<!-- conformance ${what} -->`, `<!-- end of the conformance ${what} -->`]
  const [start, end] = markers.map((marker) => text.indexOf(marker))
  if (start === undefined || end === undefined || start < 0 || end < start) {
    throw new Error(`the page has no ${markers.join(' … ')}`)
  }
  return `${text.slice(0, start)}${markers[0]}\n${table}\n${text.slice(end)}`
}

/**
 * @param {string} text - of a page
 * @param {string} page - from the root
 * @param {readonly Summary[]} summaries
 * @returns {string} the page with its tables brought up to date
 */
export function renderPage(text, page, summaries) {
  const withTable = replaceTable(text, 'table', renderTable(summaries, page))
  return page === matrixPage ? replaceTable(withTable, 'matrix', renderMatrix(summaries)) : withTable
}

/** Updates every page that shows the reports. */
export function updatePages() {
  const summaries = readSummaries()
  for (const page of pages) {
    const path = join(root, page)
    writeFileSync(path, renderPage(readFileSync(path, 'utf8'), page, summaries))
  }
}
