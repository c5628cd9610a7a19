// npm run docs:bases
//
// Writes the page of every base, docs/bases/NAME.md, and the tables in docs/bases.md. tests/bases.test.ts compares them with what
// this script would write.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { stateInWords, exportedBases, folder, readFacts, renderBase, slotsOf } from './base-pages.js'
import { readSummaries } from './conformance-reports.js'
import { root } from './workspace.js'

/** The page of all bases, from the root. */
export const indexPage = 'docs/bases.md'

/** @returns {Promise<string>} a table in markdown: each base, its direction, its state */
async function renderList() {
  const rows = await Promise.all(
    exportedBases().map(async ({ name, make }) => {
      const facts = await readFacts(name)
      const state = facts.make === undefined ? stateInWords(slotsOf(make())) : 'that of its base, and more'
      return `| [\`${name}\`](bases/${name}.md) | ${facts.direction} | ${state} |`
    }),
  )
  return ['| base | direction | state |', '|---|---|---|', ...rows].join('\n')
}

/** @returns {string} a table in markdown: which adapter takes which base, by the stored reports of conformance */
function renderMatrix() {
  const reports = readSummaries().map(({ manifest: { name, backend, framework, capabilities } }) => ({
    head: [name.replace(/^@induced-metric\//, ''), backend ?? framework?.version].filter(Boolean).join(' '),
    capabilities: new Set(/** @type {readonly string[]} */ (capabilities)),
  }))
  const row = (/** @type {readonly string[]} */ cells) => `| ${cells.join(' | ')} |`
  return [
    row(['base', ...reports.map(({ head }) => head)]),
    row(['---', ...reports.map(() => '---')]),
    ...exportedBases().map(({ name }) =>
      row([
        `[\`${name}\`](bases/${name}.md)`,
        ...reports.map(({ capabilities }) => (capabilities.has(`base/${name}`) ? '✓' : '–')),
      ]),
    ),
  ].join('\n')
}

/**
 * @param {string} text - of the index
 * @returns {Promise<string>} the index with its tables brought up to date
 */
async function renderIndex(text) {
  const tables = { list: await renderList(), adapters: renderMatrix() }
  return Object.entries(tables).reduce((before, [what, table]) => {
    const [start, end] = [`<!-- bases: ${what} -->`, `<!-- end of bases: ${what} -->`]
    const [from, to] = [before.indexOf(start), before.indexOf(end)]
    if (from < 0 || to < from) throw new Error(`${indexPage} has no ${start} … ${end}`)
    return `${before.slice(0, from)}${start}\n${table}\n${before.slice(to)}`
  }, text)
}

/** @returns {Promise<Map<string, string>>} every page by its path from the root, as it should be */
export async function renderBasePages() {
  const pages = new Map([[indexPage, await renderIndex(readFileSync(join(root, indexPage), 'utf8'))]])
  for (const base of exportedBases()) pages.set(`${folder}/${base.name}.md`, await renderBase(base))
  return pages
}

/** Writes all pages. */
export async function updateBasePages() {
  mkdirSync(join(root, folder), { recursive: true })
  for (const [path, text] of await renderBasePages()) writeFileSync(join(root, path), text)
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href)
  await updateBasePages()
