import { mkdirSync } from 'node:fs'
import { join } from 'node:path'

import { runStudy } from '@induced-metric/sweep'

import { exportResults } from './exportResults.js'
import { exportTargets } from './exportTargets.js'
import { cacheFolder } from './scope.js'

/** The studies in their order: each needs the results of those before it. */
const studies = {
  targets: 'targets',
  tuned: 'tuned',
  repeats: 'repeats',
  'self-tuning': 'selfTuning',
} as const

// Without arguments, all studies; `export` writes what is stored so far, and runs nothing.
const given = process.argv.slice(2)
const names = given.length === 0 ? Object.keys(studies) : given.filter((name) => name !== 'export')
const unknown = names.find((name) => !Object.hasOwn(studies, name))
if (unknown === undefined) {
  mkdirSync(cacheFolder, { recursive: true })
  for (const name of names) await run(name as keyof typeof studies)
  exportResults()
} else {
  console.error(
    `There is no study ${JSON.stringify(unknown)}; there are ${Object.keys(studies).join(', ')}, and export.`,
  )
  process.exitCode = 2
}

/** Runs what is left of a study, on one thread, so that times can be compared. */
async function run(name: keyof typeof studies): Promise<void> {
  await runStudy(new URL(`./studies/${studies[name]}.js`, import.meta.url), {
    results: join(cacheFolder, `${name}.sqlite`),
    threads: 1,
    onEvent(event) {
      const { done, total } = event.progress
      if (event.kind === 'notice') console.log(event.notice)
      if (event.kind === 'start' || (event.kind === 'run' && (done % 100 === 0 || done === total)))
        console.log(`${name}: ${done} of ${total} runs`)
    },
  })
  if (name === 'targets') exportTargets()
}
