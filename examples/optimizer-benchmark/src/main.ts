import { mkdirSync } from 'node:fs'
import { join } from 'node:path'

import { runStudy } from '@induced-metric/sweep'

import { exportTargets } from './exportTargets.js'
import { cacheFolder } from './scope.js'

/** The studies in their order: each needs the results of those before it. */
const studies = {
  targets: 'targets',
  tuned: 'tuned',
  repeats: 'repeats',
  'self-tuning': 'selfTuning',
} as const

const names = process.argv.slice(2)
const unknown = names.find((name) => !(name in studies))
if (unknown === undefined) {
  mkdirSync(cacheFolder, { recursive: true })
  for (const name of names.length === 0 ? Object.keys(studies) : names)
    await run(name as keyof typeof studies)
} else {
  console.error(`There is no study ${JSON.stringify(unknown)}; there are ${Object.keys(studies).join(', ')}.`)
  process.exitCode = 2
}

/** Runs what is left of a study, on one thread, so that times can be compared. */
async function run(name: keyof typeof studies): Promise<void> {
  await runStudy(new URL(`./studies/${studies[name]}.js`, import.meta.url), {
    results: join(cacheFolder, `${name}.sqlite`),
    threads: 1,
    onEvent({ kind, progress, ...event }) {
      if (kind === 'run' && progress.done % 100 !== 0 && progress.done !== progress.total) return
      if (kind === 'run' || kind === 'start')
        console.log(`${name}: ${progress.done} of ${progress.total} runs`)
      if ('notice' in event) console.log(event.notice)
    },
  })
  if (name === 'targets') exportTargets()
}
