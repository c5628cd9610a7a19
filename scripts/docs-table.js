// npm run docs:table [-- --only tfjs …] [-- --add report.json …]
//
// Runs the conformance suite on every adapter that runs in Node (or those of the named packages), or reads the reports of
// other runs (from a browser, or of an adapter elsewhere). Stores their summaries in docs/conformance, and updates the tables
// in the README and the docs.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { runConformance } from '@induced-metric/conformance'
import { findAdapters } from './adapters.js'
import {
  listingProblems,
  readSummaries,
  summarize,
  updatePages,
  writeSummary,
} from './conformance-reports.js'
import { updateBasePages } from './docs-bases.js'
import { readManifest, root } from './workspace.js'

/** @typedef {import('@induced-metric/conformance').ConformanceReport} Report */

const { values } = parseArgs({
  options: { add: { type: 'string', multiple: true }, only: { type: 'string', multiple: true } },
})
const { add, only } = values
if (add === undefined) {
  const adapters = (await findAdapters()).filter(
    ({ name }) => only === undefined || only.includes(/** @type {string} */ (name.split(' ')[0])),
  )
  if (adapters.length === 0) throw new Error(`no package has targets of the name ${only?.join(', ')}`)
  for (const { name, folder, start } of adapters) {
    const page = join(root, 'docs/adapters', `${folder.split('/').at(-1)}.md`)
    if (existsSync(page)) {
      const problems = listingProblems(readManifest(folder), readFileSync(page, 'utf8'))
      if (problems.length > 0) throw new Error(`${name} cannot be listed yet:\n  ${problems.join('\n  ')}`)
    }
    const report = await runConformance(await start())
    console.log(`${name}: ${JSON.stringify(report.totals)}`)
    for (const { id, status } of report.cases) if (status === 'failed') console.log(`  failed: ${id}`)
    writeSummary(summarize(report))
  }
} else {
  for (const file of add)
    writeSummary(summarize(/** @type {Report} */ (JSON.parse(readFileSync(file, 'utf8')))))
}
updatePages()
await updateBasePages()
console.log(`${readSummaries().length} reports in the table`)
