import { writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

import { Command } from 'commander'

import { runJobs } from './crew.js'
import { jobsFor } from './jobs.js'
import { optimizers } from './optimizers/index.js'
import { countOf, namesOf, ratesOf, seedsOf } from './options.js'
import { writeReport } from './report/report.js'
import { committedResults, readResults, storeRun } from './results.js'
import type { Run } from './run.js'
import { tasks } from './tasks/index.js'

interface StudyOptions {
  readonly task?: readonly string[]
  readonly optimizers?: readonly string[]
  readonly rates?: readonly number[]
  readonly seeds?: readonly number[]
  readonly steps?: number
  readonly processes: number
  readonly again?: boolean
  readonly results: string
}

interface ReportOptions {
  readonly results: string
  readonly chart: string
}

const committedChart = fileURLToPath(new URL('../../../docs/images/learning-rate.svg', import.meta.url))
const taskIds = tasks.map(({ id }) => id)
const optimizerIds = optimizers.map(({ id }) => id)
const program = new Command('robustness').description('Final losses over decades of the learning rate.')

program
  .command('study')
  .description('makes the runs that are not stored yet')
  .option(
    '--task <names>',
    `which, separated by commas: ${taskIds.join(', ')} (default: all)`,
    namesOf('task', taskIds),
  )
  .option(
    '--optimizers <names>',
    `which: ${optimizerIds.join(', ')} (default: those of the plan)`,
    namesOf('optimiser', optimizerIds),
  )
  .option('--rates <numbers>', 'learning rates (default: those of the plan)', ratesOf)
  .option(
    '--seeds <numbers>',
    'of the first weights, the batches and the noise (default: those of the plan)',
    seedsOf,
  )
  .option('--steps <number>', "in the place of the tasks' own, for a quick look", countOf)
  .option('--processes <number>', 'runs side by side', countOf, 1)
  .option('--again', 'make stored runs again')
  .option('--results <folder>', 'where runs are stored', (text: string) => resolve(text), committedResults)
  .action(study)

program
  .command('report')
  .description('writes tables and charts of the stored runs')
  .option(
    '--results <folder>',
    'where they are, and where the report goes',
    (text: string) => resolve(text),
    committedResults,
  )
  .option('--chart <file>', 'the chart of the top README', (text: string) => resolve(text), committedChart)
  .action(report)

async function study({ task, again = false, results, processes, ...wanted }: StudyOptions): Promise<void> {
  const chosen = tasks.filter(({ id }) => task === undefined || task.includes(id))
  const jobs = jobsFor({ ...wanted, tasks: chosen }, again ? [] : readResults(results))
  let count = 0
  await runJobs(jobs, processes, (run) => {
    storeRun(results, run)
    process.stdout.write(`${++count}/${jobs.length} ${describe(run)}\n`)
  })
  process.stdout.write(jobs.length === 0 ? 'All of these runs are stored.\n' : `Stored in ${results}\n`)
}

async function report({ results, chart }: ReportOptions): Promise<void> {
  const written = writeReport(readResults(results))
  for (const [name, content] of written.files) await writeFile(join(results, name), content)
  if (written.chart !== undefined) await writeFile(chart, written.chart)
  process.stdout.write(`Report: ${join(results, 'README.md')}\n`)
}

function describe({ task, optimizer, rate, seed, loss, accuracy, seconds }: Run): string {
  const right = accuracy === undefined ? '' : `, accuracy ${accuracy.toFixed(4)}`
  return `${task} ${optimizer} rate ${rate} seed ${seed}: loss ${loss ?? 'not finite'}${right} (${seconds} s)`
}

try {
  await program.parseAsync()
} catch (error) {
  process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
