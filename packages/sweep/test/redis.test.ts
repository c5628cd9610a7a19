import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'bullmq'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runStudy } from '../src/index.js'
import { openResults, type StudyResults } from '../src/results.js'
import { redisNames } from '../src/pools/redisConnection.js'
import { loadStudy } from '../src/study/loadStudy.js'
import { build } from './build.js'
import { sweepWithFaults } from './process/faults.js'
import { hasRedis, startRedis } from './process/redis.js'
import { start, study } from './support/command.js'
import { essence } from './support/runHere.js'

if (!hasRedis)
  process.stdout.write('redis-server is not installed: the tests of sweeps over Redis are skipped\n')

describe.skipIf(!hasRedis)('a sweep over Redis', () => {
  let folder: string
  let redis: Awaited<ReturnType<typeof startRedis>>
  beforeAll(async () => {
    build()
    folder = mkdtempSync(join(tmpdir(), 'induced-metric-redis-'))
    redis = await startRedis(folder)
  })
  afterAll(async () => {
    await redis.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  const file = (name: string): string => join(folder, `${name}.sqlite`)
  const over = (): string[] => ['--redis', redis.url]
  const work = (name: string, env: Record<string, string> = {}) =>
    start(['worker', study(name), ...over(), '--threads', '2', '--lock-seconds', '1'], env)
  const run = (name: string, results: string, env: Record<string, string> = {}) =>
    start(['run', study(name), ...over(), '--results', file(results)], env)
  function resultsOf(name: string): StudyResults {
    const opened = openResults(file(name))
    const results = opened.read()
    opened.close()
    return results
  }
  const countOf = (name: string): number => resultsOf(name).trials.flatMap(({ runs }) => runs).length

  it('gives the results of worker threads, bit for bit, of a study that learns as well', async () => {
    const worker = work('learning')
    const local = start(['run', study('learning'), '--results', file('threads'), '--threads', '2'])
    expect((await run('learning', 'redis').end()).code).toBe(0)
    expect((await local.end()).code).toBe(0)
    worker.kill('SIGTERM')
    expect((await worker.end()).code).toBe(0)
    expect(essence(resultsOf('redis'))).toEqual(essence(resultsOf('threads')))
    expect(resultsOf('redis').trials.flatMap(({ runs }) => runs.map(({ status }) => status))).toContain(
      'stopped',
    )
  })

  it('stops gracefully on both sides: what has begun is finished, and nothing runs twice', async () => {
    const log = join(folder, 'graceful')
    const env = { TRIALS: '12', MILLISECONDS: '100', LOG: log }
    const executed = (): string[] => readFileSync(log, 'utf8').trim().split('\n')
    const first = work('slow', env)
    const coordinator = run('slow', 'graceful', env)
    while (!existsSync(log)) await sleep(10)
    coordinator.kill('SIGTERM')
    expect((await coordinator.end()).code).toBe(130)
    first.kill('SIGINT')
    const { code, output } = await first.end()
    expect([code, output]).toEqual([0, expect.stringContaining('stopping after the runs that have begun')])
    expect(countOf('graceful')).toBe(executed().length)
    expect(countOf('graceful')).toBeLessThan(24)

    const second = work('slow', env)
    expect((await run('slow', 'graceful', env).end()).code).toBe(0)
    second.kill('SIGTERM')
    await second.end()
    expect(countOf('graceful')).toBe(24)
    expect(executed()).toHaveLength(24)
    expect(new Set(executed()).size).toBe(24)
  })

  it('has one coordinator at a time: the other one waits for it', async () => {
    const [first, second] = [run('bowl', 'first'), run('bowl', 'second')]
    // One begins, the other one says that it waits.
    await Promise.all([first.spoken, second.spoken])
    expect([first.output(), second.output()].filter((text) => text.includes('waiting for it'))).toHaveLength(
      1,
    )
    const worker = work('bowl')
    expect([(await first.end()).code, (await second.end()).code]).toEqual([0, 0])
    worker.kill('SIGTERM')
    await worker.end()
    expect(essence(resultsOf('second'))).toEqual(essence(resultsOf('first')))
  })

  describe('without a word from workers', () => {
    let client: Redis
    let queue: string
    beforeAll(async () => {
      client = new Redis(redis.url, { maxRetriesPerRequest: null })
      queue = (await redisNames(await loadStudy(study('bowl')))).queue
    })
    afterAll(() => client.disconnect())

    it('records runs that BullMQ gives up', async () => {
      // As it does with a run that has killed its worker too often.
      const giveUp = () => Promise.reject(new Error('stalled too often'))
      const worker = new Worker(queue, giveUp, { connection: client })
      const { trials } = await runStudy(study('bowl'), { results: file('given-up'), redis: redis.url })
      await worker.close()
      const found = trials.flatMap(({ runs }) => runs.map(({ status, error }) => `${status} ${error}`))
      expect(found).toEqual(new Array(24).fill('failed its workers died: stalled too often'))
    })

    it('gives out again what Redis has lost', async () => {
      const results = runStudy(study('bowl'), { results: file('lost'), redis: redis.url })
      while ((await client.llen(`bull:${queue}:wait`)) < 24) await sleep(10)
      await client.flushall()
      const worker = work('bowl')
      const { trials } = await results
      worker.kill('SIGTERM')
      await worker.end()
      const found = trials.flatMap(({ runs }) => runs.map(({ status }) => status))
      expect(found).toEqual(new Array(24).fill('finished'))
    })
  })

  it('says what is wrong with a URL', async () => {
    const options = { results: file('url'), redis: 'localhost:6379' }
    await expect(runStudy(study('bowl'), options)).rejects.toMatchObject({ code: 'ERR_OPTION' })
  })

  it('killed with -9, its workers, its coordinator and Redis lose nothing and store nothing twice', async () => {
    const victims: ('worker' | 'coordinator' | 'redis')[] = ['worker', 'coordinator', 'redis']
    const { kills, stored, expected, wrong, different, executed } = await sweepWithFaults({
      victims: victims.sort(() => Math.random() - 0.5),
      trials: 60,
      milliseconds: 60,
    })
    expect(kills).toBe(3)
    expect([stored, wrong]).toEqual([expected, []])
    expect(different).toBe(expected)
    // A worker that dies between the end of a run and its report does not know that the run has ended.
    expect(executed).toBeLessThanOrEqual(expected + 2 * kills)
  })
})
