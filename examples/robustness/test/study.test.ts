import { spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { runJobs } from '../src/crew.js'
import { jobsFor } from '../src/jobs.js'
import { optimizers } from '../src/optimizers/index.js'
import { plan } from '../src/plan.js'
import { keyOf, readResults, storeRun } from '../src/results.js'
import type { Run } from '../src/run.js'
import { tasks } from '../src/tasks/index.js'

const here = fileURLToPath(new URL('..', import.meta.url))
const root = fileURLToPath(new URL('../../..', import.meta.url))
let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'study-'))
})
afterEach(() => rm(folder, { recursive: true }))

const quadratic = tasks.filter(({ id }) => id === 'noisy-quadratic')
const wanted = { tasks: quadratic, optimizers: ['sgd', 'adam'], rates: [0.01, 1], seeds: [0, 1], steps: 30 }

describe('the plan', () => {
  test('names existing tasks and optimisers', () => {
    expect(Object.keys(plan).sort()).toEqual(tasks.map(({ id }) => id).sort())
    const known = optimizers.map(({ id }) => id)
    for (const { rates } of Object.values(plan))
      expect(known).toEqual(expect.arrayContaining(Object.keys(rates)))
  })

  test('has no run twice', () => {
    const jobs = jobsFor({ tasks }, [])
    expect(new Set(jobs.map(keyOf)).size).toBe(jobs.length)
    expect(jobs.length).toBeGreaterThan(1000)
  })
})

describe('the study', () => {
  test('continues where it stopped', async () => {
    const stop = new Error('stopped')
    let count = 0
    const stopped = runJobs(jobsFor(wanted, []), 1, (run) => {
      storeRun(folder, run)
      if (++count === 3) throw stop
    })
    await expect(stopped).rejects.toBe(stop)
    const stored = readResults(folder)
    expect(stored).toHaveLength(3)
    const left = jobsFor(wanted, stored)
    expect(left).toHaveLength(5)
    await runJobs(left, 1, (run) => storeRun(folder, run))
    expect(jobsFor(wanted, readResults(folder))).toEqual([])
    expect(new Set(readResults(folder).map(keyOf)).size).toBe(8)
  })

  test('replaces an earlier run', () => {
    const run: Run = {
      task: 'mnist',
      optimizer: 'adam',
      rate: 0.1,
      seed: 0,
      steps: 9,
      loss: 1,
      curve: [2],
      seconds: 0,
    }
    storeRun(folder, run)
    storeRun(folder, { ...run, steps: 10 })
    storeRun(folder, { ...run, loss: null })
    expect(readResults(folder)).toEqual([
      { ...run, loss: null },
      { ...run, steps: 10 },
    ])
  })

  test('says which optimiser has no rates', () => {
    const valley = tasks.filter(({ id }) => id === 'rosenbrock')
    expect(() => jobsFor({ tasks: valley, optimizers: ['adam-linear'] }, [])).toThrow(
      'adam-linear has no rates for rosenbrock in the plan: give some with --rates.',
    )
  })

  test('gives the same results in two processes, from the command line, and makes no run twice', async () => {
    const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
    const build = spawnSync(process.execPath, [compiler, '-b', here], { encoding: 'utf8' })
    expect(build.stdout + build.stderr).toBe('')
    const study = (...argv: string[]) =>
      spawnSync(process.execPath, [join(here, 'dist', 'main.js'), 'study', '--results', folder, ...argv], {
        encoding: 'utf8',
      })
    const argv = [
      '--task',
      'noisy-quadratic',
      '--optimizers',
      'sgd,adam',
      '--rates',
      '.01,1',
      '--seeds',
      '0,1',
      '--steps',
      '30',
    ]
    const { status, stdout, stderr } = study(...argv, '--processes', '2')
    expect([status, stderr]).toEqual([0, ''])
    expect(stdout.split('\n')).toHaveLength(10)
    const timeless = (runs: readonly Run[]) => runs.map(({ seconds, ...run }) => run)
    const parallel = timeless(readResults(folder))
    expect(study(...argv).stdout).toBe('All of these runs are stored.\n')
    expect(study(...argv, '--again').stdout.split('\n')).toHaveLength(10)
    expect(timeless(readResults(folder))).toEqual(parallel)
    expect((await readFile(join(folder, 'noisy-quadratic.json'), 'utf8')).split('\n')).toHaveLength(11)
  })

  test('a wrong option ends with a clear message', () => {
    const main = join(here, 'dist', 'main.js')
    const { status, stderr } = spawnSync(process.execPath, [main, 'study', '--optimizers', 'foo'], {
      encoding: 'utf8',
    })
    expect(status).toBe(1)
    expect(stderr).toContain('Unknown optimiser: foo. Known: adam,')
  })
})
