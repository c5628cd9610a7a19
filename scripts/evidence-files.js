// The files that the evidence is shown in.
import { entriesOf } from './evidence-benchmark.js'
import { functionsChart, mnistChart, profileChart } from './evidence-charts.js'
import { renderPage } from './evidence-page.js'
import { readEvidence } from './evidence.js'

/** @typedef {import('./evidence.js').Benchmark} Benchmark */
/** @typedef {import('./evidence-benchmark.js').Entry} Entry */

/** How many entries of each form a chart of profiles shows, beside Adam's. */
const SHOWN = { plain: 3, root: 2, rateFree: 2 }

/**
 * The page and its charts, by their names from the root.
 *
 * @returns {Map<string, string>}
 */
export function evidenceFiles() {
  const evidence = readEvidence()
  const { mnist, functions, published, tuned, selfTuning } = evidence
  /** @type {Map<string, string>} */
  const files = new Map([['docs/evidence.md', renderPage(evidence)]])
  if (mnist !== undefined) files.set('docs/images/evidence-mnist.svg', mnistChart(mnist, published))
  if (functions !== undefined)
    files.set('docs/images/evidence-functions.svg', functionsChart(functions, published))
  if (tuned !== undefined) files.set('docs/images/evidence-tuned.svg', profilesOf(tuned))
  if (selfTuning !== undefined) files.set('docs/images/evidence-self-tuning.svg', profilesOf(selfTuning))
  return files
}

/** @param {Benchmark} track */
function profilesOf(track) {
  const entries = entriesOf(track)
  const adam = entries.filter(({ base }) => base === 'adam')
  const best = Object.entries(SHOWN).flatMap(([form, count]) =>
    entries.filter(({ base, variant }) => base !== 'adam' && variant === form).slice(0, count),
  )
  const shown = [...adam, ...best].sort((a, b) => b.score - a.score)
  return profileChart(
    entries,
    shown,
    track.workloads.map(({ id }) => id),
  )
}
