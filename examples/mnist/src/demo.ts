import { writeFile } from 'node:fs/promises'
import { performance } from 'node:perf_hooks'
import type { WriteStream } from 'node:tty'

import { descendAll } from '@induced-metric/example-functions'

import { BATCH_SIZE, cutBatches, wholeBatch } from './data/batches.js'
import { loadMnist } from './data/mnist.js'
import { initializeNetwork } from './network/network.js'
import { parseOptions, type Options } from './options.js'
import { createRandom } from './random.js'
import { rateBases, rateSettings } from './rates.js'
import { renderReport } from './report/report.js'
import type { Setting } from './settings.js'
import { createBars } from './terminal/bars.js'
import { createLines } from './terminal/lines.js'
import { summarizeRates } from './terminal/rates.js'
import { formatTable, summarize } from './terminal/summary.js'
import type { Framework } from './training/framework.js'
import { runAll, type Listener } from './training/run.js'

/** The demonstration's surroundings. */
export interface Surroundings {
  readonly frameworks: readonly Framework[]
  readonly settings: readonly Setting[]
  readonly stdout: NodeJS.WritableStream & { readonly isTTY?: boolean }
  readonly stderr: NodeJS.WritableStream
  /** Aborted to stop after the current step. */
  readonly signal: AbortSignal
  /** Receives a function that restores the terminal when the process must end in the middle of a run. */
  readonly onRelease?: (release: () => void) => void
}

/**
 * The whole demonstration: data, training, table, report.
 *
 * @param argv - the arguments after the program's name
 * @returns the process's exit code: 0, 1 after a failure, 2 for a wrong argument, 130 when it was stopped
 */
export async function demo(argv: readonly string[], surroundings: Surroundings): Promise<number> {
  const { frameworks, settings, stdout, stderr, signal } = surroundings
  const choices = {
    optimizers: settings.map(({ id }) => id),
    rates: rateBases,
    frameworks: frameworks.map(({ id }) => id),
  }
  const parsed = parseOptions(argv, choices, {
    out: (text) => stdout.write(text),
    err: (text) => stderr.write(text),
  })
  if ('exitCode' in parsed) return parsed.exitCode
  const { options } = parsed
  const say = (line: string): void => void stdout.write(`${line}\n`)

  const start = performance.now()
  const chosen = frameworks.filter(({ id }) => options.frameworks.includes(id))
  const { ready, details } = await findAvailable(chosen, say)
  if (ready.length === 0) {
    stderr.write('error: none of the chosen frameworks can train here.\n')
    return 1
  }

  const mnist = await loadMnist()
  const random = createRandom(options.seed)
  const network = initializeNetwork(random)
  const batches = cutBatches(mnist.train, BATCH_SIZE, random, options.limit)
  const parameters = network.reduce((sum, { data }) => sum + data.length, 0)
  say(`${parameters} parameters, ${batches.length} batches of ${BATCH_SIZE}, seed ${options.seed}`)

  const descents = descendAll()
  const { listener, release } = createListener(stdout, options.epochs, batches.length, say)
  surroundings.onRelease?.(release)
  const runs = await runAll(
    {
      frameworks: ready,
      settings: options.rates
        ? rateSettings(
            rateBases.filter((base) => options.rates!.includes(base)),
            batches.length * options.epochs,
          )
        : settings.filter(({ id }) => options.optimizers.includes(id)),
      network,
      batches,
      test: wholeBatch(mnist.test),
      epochs: options.epochs,
      signal,
    },
    listener,
  )

  if (runs.length > 0) say(`\nTest accuracy beside the paper's\n${formatTable(summarize(runs))}\n`)
  const byRate = summarizeRates(runs)
  if (byRate.rows.length > 0) say(`Test accuracy by learning rate\n${formatTable(byRate)}\n`)
  const report = renderReport({
    runs,
    descents,
    facts: factsOf(options, batches.length, details, (performance.now() - start) / 1000),
    stepsPerEpoch: batches.length,
    stopped: signal.aborted,
  })
  await writeFile(options.output, report)
  say(`${signal.aborted ? 'Stopped. ' : ''}Report: ${options.output}`)
  if (signal.aborted) return 130
  return runs.every((run) => run.failure === undefined) ? 0 : 1
}

async function findAvailable(
  chosen: readonly Framework[],
  say: (line: string) => void,
): Promise<{ ready: Framework[]; details: string[] }> {
  const ready: Framework[] = []
  const details: string[] = []
  for (const framework of chosen) {
    const availability = await framework.available()
    if (availability.ok) {
      ready.push(framework)
      details.push(availability.detail)
      say(availability.detail)
    } else say(`${framework.title} is left out: ${availability.reason}`)
  }
  return { ready, details }
}

function createListener(
  stdout: Surroundings['stdout'],
  epochs: number,
  stepsPerEpoch: number,
  say: (line: string) => void,
): { listener: Listener; release: () => void } {
  // A terminal that calls itself dumb cannot move its cursor.
  if (stdout.isTTY !== true || process.env['TERM'] === 'dumb')
    return { listener: createLines(say, epochs, stepsPerEpoch), release: () => {} }
  const bars = createBars(stdout as WriteStream)
  return { listener: bars, release: bars.release }
}

function factsOf(
  { seed, epochs }: Options,
  stepsPerEpoch: number,
  details: readonly string[],
  seconds: number,
): (readonly [string, string])[] {
  return [
    ['Epochs', String(epochs)],
    ['Batches', `${stepsPerEpoch} × ${BATCH_SIZE}`],
    ['Seed', String(seed)],
    ['Framework', details.join('; ')],
    ['Node.js', process.version],
    ['Time', `${seconds.toFixed(0)} s`],
    ['Date', new Date().toISOString().slice(0, 10)],
  ]
}
