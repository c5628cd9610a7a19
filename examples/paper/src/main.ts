import { mkdirSync } from 'node:fs'
import { join } from 'node:path'

import { runStudy } from '@induced-metric/sweep'
import { Command } from 'commander'

import { exportResults } from './export.js'
import { cacheFolder, resultsFolder, studyIds, studyUrl, type StudyId } from './studyFiles.js'

const program = new Command('paper').description("The paper's experiments, run again as studies.")

program
  .command('study')
  .argument('<names...>', `studies: ${studyIds.join(', ')}`)
  .option('--threads <number>', 'threads, each with one run at a time', '1')
  .description(
    'runs what is left of studies; Ctrl-C stops after the current run, and the same command goes on',
  )
  .action(async (names: string[], { threads }: { threads: string }) => {
    for (const name of names) {
      const id = studyIds.find((one) => one === name)
      if (id === undefined)
        program.error(`There is no study ${JSON.stringify(name)}; there are ${studyIds.join(', ')}.`)
      else await run(id, Number(threads))
    }
  })

program
  .command('export')
  .description('writes what is stored of all studies into the folder results')
  .action(() => {
    for (const file of exportResults(cacheFolder, resultsFolder)) console.log(file)
  })

await program.parseAsync()

async function run(id: StudyId, threads: number): Promise<void> {
  mkdirSync(cacheFolder, { recursive: true })
  const interruption = new AbortController()
  process.once('SIGINT', () => interruption.abort())
  await runStudy(studyUrl(id), {
    results: join(cacheFolder, `${id}.sqlite`),
    threads,
    signal: interruption.signal,
    onEvent(event) {
      const { done, total } = event.progress
      if (event.kind === 'notice') console.log(event.notice)
      if (event.kind !== 'run') return
      const { hyperparameters, seed, status, value, seconds } = event.run
      const told = value === null ? status : value.toPrecision(5)
      console.log(
        `${id}: ${done} of ${total}, ${JSON.stringify(hyperparameters)}, seed ${seed}: ${told} in ${seconds.toFixed(1)} s`,
      )
    },
  })
}
