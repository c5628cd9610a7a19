// npm run mutate [-- --jobs 2] [-- --only step/plan] [-- --survivors] [-- --draw]
//
// Runs the conformance suite, and nothing else, on each mutant of a committed list: the core with one operator, comparison,
// constant, statement or condition changed. A mutant that no case fails on is a gap in the suite, or changes nothing.
// --draw draws the list anew where the core has changed. The result is written into the list and into docs/conformance.md.
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { drawList, locate, readList, writeList } from './mutation/list.js'
import { killMutants, probeCases } from './mutation/pool.js'
import { showResults, writeResults } from './mutation/results.js'

const { values } = parseArgs({
  options: {
    jobs: { type: 'string', default: String(cpus().length) },
    only: { type: 'string' },
    survivors: { type: 'boolean', default: false },
    draw: { type: 'boolean', default: false },
  },
})

if (values.draw) {
  const list = drawList(readList())
  writeList(list)
  console.log(`${list.length} mutants are drawn`)
} else {
  const list = readList()
  const { found, gone } = locate(list)
  for (const { file, at } of gone) console.log(`gone: ${file}: ${at}`)
  if (gone.length > 0) console.log(`the code of ${gone.length} mutants has changed: npm run mutate -- --draw`)
  const chosen = found.flatMap(({ file, killedBy }, i) =>
    (values.only === undefined || file.includes(values.only)) && !(values.survivors && killedBy !== undefined)
      ? [i]
      : [],
  )
  const start = performance.now()
  const coverage = await probeCases(found)
  const results = list.map((entry) => ({ ...entry }))
  // Written as they come, so that a run that is stopped can go on: --survivors leaves out what is killed.
  await killMutants(found, chosen, coverage, Number(values.jobs), (index, killer) => {
    const entry = results.find((one) =>
      isSame(one, /** @type {import('./mutation/list.js').Found} */ (found[index])),
    )
    if (entry === undefined) return
    if (killer === undefined) delete entry.killedBy
    else entry.killedBy = killer
    writeList(results)
  })
  // Those that were not tried now keep their result: cases are only ever added.
  if (gone.length === 0) writeResults(results)
  const ok = showResults(results, (performance.now() - start) / 1000)
  if (!ok || gone.length > 0) process.exitCode = 1
}

/** @type {(a: import('./mutation/list.js').Entry, b: import('./mutation/list.js').Entry) => boolean} */
function isSame(a, b) {
  return (
    a.file === b.file &&
    a.at === b.at &&
    a.from === b.from &&
    a.to === b.to &&
    a.nth === b.nth &&
    a.kind === b.kind
  )
}
