// npm run faults -w packages/sweep [-- KILLS]
//
// Kills workers, the coordinator and Redis at random moments of a sweep, and checks that every run is there once at the end.
// Needs redis-server.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { hasRedis, startRedis } from './redis.js'

/** @typedef {'worker' | 'coordinator' | 'redis'} Victim */

const bin = fileURLToPath(new URL('../../dist/bin.js', import.meta.url))
const study = fileURLToPath(new URL('../studies/slow.js', import.meta.url))

/** Threads of each worker, and workers. */
const [threads, workerCount] = [2, 2]

/**
 * A process that is started again when it is killed.
 *
 * @param {readonly string[]} args
 * @param {Record<string, string>} env
 */
function keepRunning(args, env) {
  let [output, isOver] = ['', false]
  const start = () => {
    const child = spawn(process.execPath, [bin, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    })
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += String(text)))
    return child
  }
  let child = start()
  const ended = () => child.exitCode !== null || child.signalCode !== null
  return {
    /** Whether it came to its own end. */
    hasEnded: () => child.exitCode !== null,
    output: () => output,
    async crash() {
      if (ended()) return false
      child.kill('SIGKILL')
      await once(child, 'exit')
      if (!isOver) child = start()
      return true
    },
    /** Waits for its own end. */
    async end() {
      while (!ended()) await once(child, 'exit')
      return child.exitCode
    },
    async stop() {
      isOver = true
      if (ended()) return
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}

/**
 * Runs a sweep over Redis and kills what is named, one after the other, at random moments.
 *
 * @param {object} options
 * @param {readonly Victim[]} options.victims
 * @param {number} options.trials - configurations, each with two seeds
 * @param {number} options.milliseconds - of a run
 */
export async function sweepWithFaults({ victims, trials, milliseconds }) {
  const folder = mkdtempSync(join(tmpdir(), 'induced-metric-faults-'))
  const [results, log] = [join(folder, 'results.sqlite'), join(folder, 'log')]
  const env = { TRIALS: String(trials), MILLISECONDS: String(milliseconds), LOG: log }
  const redis = await startRedis(folder)
  const over = ['--redis', redis.url]
  const workers = Array.from({ length: workerCount }, () =>
    keepRunning(['worker', study, ...over, '--threads', String(threads), '--lock-seconds', '1'], env),
  )
  const coordinator = keepRunning(['run', study, ...over, '--results', results, '--quiet'], env)
  let kills = 0
  try {
    // Kills before the first run ends would hit nobody at work.
    while (!existsSync(log)) {
      if (coordinator.hasEnded()) throw new Error(`the coordinator ended:\n${coordinator.output()}`)
      await sleep(10)
    }
    for (const victim of victims) {
      await sleep(Math.random() * 400)
      if (coordinator.hasEnded()) break
      if (victim === 'redis') await redis.crash(Math.random() * 300)
      else
        await (victim === 'worker' ? workers[Math.floor(Math.random() * workerCount)] : coordinator)?.crash()
      kills++
    }
    const code = await coordinator.end()
    if (code !== 0) throw new Error(`the coordinator ended with ${code}:\n${coordinator.output()}`)
  } finally {
    await Promise.all([...workers, coordinator].map((one) => one.stop()))
    await redis.stop()
  }
  const found = await read(results)
  const executions = readFileSync(log, 'utf8').trim().split('\n')
  rmSync(folder, { recursive: true })
  return {
    kills,
    ...found,
    expected: trials * 2,
    executed: executions.length,
    different: new Set(executions).size,
  }
}

/** @param {string} path - the file of results */
async function read(path) {
  const { openResults } = /** @type {typeof import('@induced-metric/sweep/results')} */ (
    await import(new URL('../../dist/results.js', import.meta.url).href)
  )
  const file = openResults(path)
  const runs = file.read('slow').trials.flatMap(({ runs, hyperparameters }) =>
    runs.map(({ seed, status, value }) => ({
      number: Number(hyperparameters['number']),
      seed,
      status,
      value,
    })),
  )
  file.close()
  const wrong = runs.filter(
    ({ number, seed, status, value }) => status !== 'finished' || value !== Math.sin(number) / seed,
  )
  return { stored: runs.length, wrong }
}

/** @param {string} line */
const say = (line) => process.stdout.write(`${line}\n`)

async function main() {
  if (!hasRedis) throw new Error('redis-server is not installed')
  const wanted = Number(process.argv[2] ?? 50)
  /** @type {Victim[]} */
  const kinds = ['worker', 'coordinator', 'redis']
  let [killed, repeated, failures] = [0, 0, 0]
  while (killed < wanted) {
    const victims = Array.from(
      { length: 5 },
      () => /** @type {Victim} */ (kinds[Math.floor(Math.random() * kinds.length)]),
    )
    const found = await sweepWithFaults({ victims, trials: 60, milliseconds: 60 })
    killed += found.kills
    repeated += found.executed - found.different
    const isRight = found.stored === found.expected && found.wrong.length === 0
    if (!isRight) failures++
    say(
      `${isRight ? 'ok  ' : 'FAIL'} ${found.stored} of ${found.expected} runs stored, ${found.wrong.length} wrong, after ${found.kills} kills (${victims.join(', ')}); ${found.executed} executions`,
    )
  }
  say(
    `${killed} kills, ${failures} sweeps with a wrong result, ${repeated} runs executed to their end once more`,
  )
  process.exitCode = failures === 0 ? 0 : 1
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) await main()
