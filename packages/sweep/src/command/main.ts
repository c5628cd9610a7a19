import { readFile, writeFile } from 'node:fs/promises'
import { InducedMetricError } from '@induced-metric/core'
import { coded, messageOf } from '../errors.js'
import { formatSpread } from '../report/text.js'
import { runStudy, runWorker } from '../run.js'
import { createDisplay } from './progress.js'
import type { Surroundings } from './io.js'
import { type Command, parseCommand } from './options.js'
import { usage } from './usage.js'
import { UsageError } from './usageError.js'

/**
 * Runs the command line.
 *
 * @param argv - the arguments after the program's name
 * @returns the exit code: 0, 1 after a failure, 2 for a command that makes no sense, 130 when it was stopped
 */
export async function main(argv: readonly string[], surroundings: Surroundings): Promise<number> {
  const { stdout, stderr } = surroundings
  try {
    const command = parseCommand(argv)
    if (command === 'help') stdout.write(usage)
    else if (command === 'version') stdout.write(`${await version()}\n`)
    else return await perform(command, surroundings)
    return 0
  } catch (error) {
    const isUsage = error instanceof UsageError
    const message = error instanceof Error ? error.message : String(error)
    const isKnown = isUsage || error instanceof InducedMetricError
    stderr.write(`induced-sweep: ${isKnown ? message : (error as Error).stack}\n`)
    if (isUsage && argv.length === 0) stderr.write(`\n${usage}`)
    else if (isUsage) stderr.write('(see induced-sweep --help)\n')
    return isUsage ? 2 : 1
  }
}

async function perform(command: Command, surroundings: Surroundings): Promise<number> {
  const { stdout } = surroundings
  switch (command.name) {
    case 'run':
      return run(command, surroundings)
    case 'worker':
      return work(command, surroundings)
    case 'report':
      await report(
        command,
        command.file,
        command.text('output') ?? `${command.file.replace(/\.sqlite$/, '')}.html`,
        stdout,
      )
      return 0
    case 'show':
      stdout.write((await import('./tables.js')).show(command))
      return 0
    case 'compare':
      stdout.write((await import('./tables.js')).compare(command))
      return 0
  }
}

async function run(command: Command, surroundings: Surroundings): Promise<number> {
  const { stdout, signal } = surroundings
  const [results, redis, threads] = [
    command.text('results'),
    command.text('redis'),
    command.number('threads'),
  ]
  if (redis !== undefined && threads !== undefined)
    throw new UsageError('run: --threads belongs to the workers where --redis is given')
  const display = createDisplay(surroundings, command.flag('quiet'))
  const sayStopping = (): void =>
    void stdout.write('\nstopping after the runs that have begun; again to end at once, and go on later\n')
  signal.addEventListener('abort', sayStopping)
  try {
    const { study, best, trials, definition } = await runStudy(command.file, {
      ...(results !== undefined && { results }),
      ...(redis !== undefined && { redis }),
      ...(threads !== undefined && { threads }),
      retry: command.flag('retry'),
      signal,
      onEvent: display.show,
    })
    display.stop()
    const file = results ?? `${study}.sqlite`
    const done = trials.reduce((sum, trial) => sum + trial.runs.length, 0)
    const total = definition.trials * definition.seeds.length
    const ending =
      best === undefined
        ? 'nothing finished'
        : `best number ${best.configuration}, ${definition.metric.name} ${formatSpread(best.mean, best.deviation)}`
    stdout.write(`${done} of ${total} runs are in ${file}: ${ending}\n`)
    const page = command.text('report')
    if (page !== undefined) await report(command, file, page, stdout, study)
    return signal.aborted && done < total ? 130 : 0
  } finally {
    display.stop()
    signal.removeEventListener('abort', sayStopping)
  }
}

async function work(command: Command, { stdout, signal }: Surroundings): Promise<number> {
  const redis = command.text('redis')
  if (redis === undefined) throw new UsageError('worker: give the Redis of the sweep, --redis URL')
  const [threads, lockSeconds] = [command.number('threads'), command.number('lock-seconds')]
  await runWorker(command.file, {
    redis,
    ...(threads !== undefined && { threads }),
    ...(lockSeconds !== undefined && { lockSeconds }),
    signal,
    onNotice: (text) => void stdout.write(`${text}\n`),
  })
  return 0
}

async function report(
  command: Command,
  file: string,
  page: string,
  stdout: NodeJS.WritableStream,
  named = command.text('study'),
): Promise<void> {
  // `run` has no options for the parts of hyperparameters: they are told by their names.
  const roles = command.name === 'report' ? ['rate', 'xi', 'series'] : []
  const given = roles.map((name) => [name, command.text(name)] as const)
  const options = Object.fromEntries(
    [['study', named] as const, ...given].filter(([, value]) => value !== undefined),
  )
  // Loaded on demand, because runs need neither.
  const [{ htmlReport }, { withResults }] = await Promise.all([
    import('../report/htmlReport.js'),
    import('./tables.js'),
  ])
  const text = withResults(file, (opened) => htmlReport(opened, options))
  try {
    await writeFile(page, text)
  } catch (error) {
    throw coded('ERR_OPTION', `the report cannot be written to ${page}: ${messageOf(error)}`, error)
  }
  stdout.write(`report: ${page}\n`)
}

/** The version of this package. */
async function version(): Promise<string> {
  const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
