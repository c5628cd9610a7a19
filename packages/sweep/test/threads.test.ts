import { readFileSync } from 'node:fs'
import { beforeAll, expect, it } from 'vitest'
import { lockStore } from '../src/results/lock.js'
import { openResults, type StudyResults } from '../src/results.js'
import { build } from './build.js'
import { start, study } from './support/command.js'
import { essence, temporary } from './support/runHere.js'

beforeAll(build)

function resultsOf(path: string): StudyResults {
  const file = openResults(path)
  const results = file.read()
  file.close()
  return results
}

it('records every way in which a run ends, goes on, and runs none of them again', async () => {
  const results = temporary()
  const { code, output } = await start([
    'run',
    study('trouble'),
    '--results',
    results,
    '--threads',
    '2',
  ]).end()
  expect([code, output]).toEqual([0, expect.stringContaining('6 of 6 runs')])
  const found = resultsOf(results).trials.map(({ hyperparameters, runs: [run] }) => [
    hyperparameters['way'],
    run?.status,
    run?.error,
  ])
  expect(found).toEqual([
    ['finish', 'finished', null],
    ['throw', 'failed', expect.stringContaining('it was asked to')],
    ['NaN', 'notFinite', null],
    ['hang', 'timedOut', expect.stringContaining('did not react')],
    ['wait', 'timedOut', expect.stringContaining('did not react')],
    ['exit', 'failed', expect.stringContaining('its thread ended')],
  ])
  const again = await start(['run', study('trouble'), '--results', results]).end()
  expect(again.output).toContain('6 of 6 runs are done')
  expect(again.output).not.toContain('seed')
})

it('lets one sweep at a time write to a file', async () => {
  const results = temporary()
  const release = lockStore(results)
  const { code, output } = await start(['run', study('learning'), '--results', results]).end()
  release()
  expect([code, output]).toEqual([1, expect.stringContaining('in use by another sweep')])
})

it('gives the results of one thread with two', async () => {
  const [one, two] = [temporary(), temporary()]
  await start(['run', study('learning'), '--results', one, '--threads', '1']).end()
  await start(['run', study('learning'), '--results', two, '--threads', '2']).end()
  expect(essence(resultsOf(two))).toEqual(essence(resultsOf(one)))
  expect(resultsOf(one).trials.flatMap(({ runs }) => runs.map(({ status }) => status))).toContain('stopped')
})

it('runs those again that failed, where it is asked to, and no others', async () => {
  const [results, log] = [temporary(), temporary('log')]
  const argv = ['run', study('slow'), '--results', results, '--threads', '2']
  const env = { TRIALS: '3', MILLISECONDS: '1', LOG: log }
  const executed = () => readFileSync(log, 'utf8').trim().split('\n')
  await start(argv, { ...env, FAIL: '2' }).end()
  const statuses = () => resultsOf(results).trials.flatMap(({ runs }) => runs.map(({ status }) => status))
  expect(statuses()).toEqual(['finished', 'failed', 'finished', 'failed', 'finished', 'failed'])
  await start(argv, env).end()
  expect(executed()).toHaveLength(6)
  expect((await start([...argv, '--retry'], env).end()).code).toBe(0)
  expect(statuses()).toEqual(new Array(6).fill('finished'))
  expect(executed()).toHaveLength(9)
  const refused = await start(['run', study('learning'), '--results', temporary(), '--retry']).end()
  expect([refused.code, refused.output]).toEqual([1, expect.stringContaining('cannot retry')])
})

it('killed at random moments, it goes on each time, and has every run once', async () => {
  const [results, log] = [temporary(), temporary('log')]
  const env = { TRIALS: '20', MILLISECONDS: '20', LOG: log }
  const argv = ['run', study('slow'), '--results', results, '--threads', '2']
  let kills = 0
  for (; kills < 3; kills++) {
    const sweep = start(argv, env)
    await sweep.spoken
    setTimeout(() => sweep.kill('SIGKILL'), Math.random() * 250)
    await sweep.end()
  }
  expect((await start(argv, env).end()).code).toBe(0)
  const runs = resultsOf(results).trials.flatMap(({ hyperparameters, runs }) =>
    runs.map(({ seed, value }) => [hyperparameters['number'], seed, value] as [number, number, number]),
  )
  expect(runs).toHaveLength(40)
  for (const [number, seed, value] of runs) expect(value).toBe(Math.sin(number) / seed)
  // Only what was running when it was killed ran again.
  const executed = readFileSync(log, 'utf8').trim().split('\n')
  expect(new Set(executed).size).toBe(40)
  expect(executed.length).toBeLessThanOrEqual(40 + 2 * kills)
})
