import { setTimeout as sleep } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import { coded } from '../errors.js'
import { type Job, jobId } from '../runs/job.js'
import { encode, lostRun } from '../runs/outcome.js'
import type { LoadedStudy } from '../study/loadStudy.js'
import type { RunPool } from './pool.js'
import { connectRedis, loadBullMq, redisNames, type RedisNames } from './redisConnection.js'
import { createJobQueue, type JobQueue } from './redisQueue.js'

/** What the coordinator's side needs. */
export interface RedisRunsOptions {
  readonly url: string
  /** The study's id in the file of results. */
  readonly token: string
  /** Whether the outcome of a job is stored. */
  readonly isStored: (id: string) => boolean
  readonly notice: (text: string) => void
}

/** How many jobs are in the queue at once. */
const capacity = 512

/** Milliseconds between two looks at the outcomes, and between two checks that no job was lost. */
const [lookEvery, checkEvery] = [50, 2000]

/** Milliseconds for which the coordinator's lock holds. */
const lockTime = 15_000

interface Waiting {
  readonly job: Job
  readonly resolve: (outcome: string) => void
  readonly reject: (error: unknown) => void
}

/**
 * Runs jobs by BullMQ on any number of workers. A worker puts the outcome of a job into a hash of Redis before it ends the
 * job; there it stays until it is stored. So whatever dies and comes back, an outcome is delivered at least once, and the
 * file of results keeps the first.
 */
export async function createRedisRuns(study: LoadedStudy, options: RedisRunsOptions): Promise<RunPool> {
  const { url, notice } = options
  const [{ client, close }, { Queue }] = await Promise.all([connectRedis(url, notice), loadBullMq()])
  const names = await redisNames(study)
  const held = await holdCoordinator(client, names, options)
  await client.set(names.version, names.own)
  const bull = new Queue(names.queue, { connection: client })
  // Its connection is ours, whose errors are told already.
  bull.on('error', () => {})
  const queue = createJobQueue(bull, client, names)
  const { waiting, stored, look, check, running } = follow(queue, options)
  let isClosed = false
  const repeat = async (action: () => Promise<void>, every: number): Promise<void> => {
    for (;;) {
      // The connection keeps the process alive while it has work.
      await sleep(every, undefined, { ref: false })
      if (isClosed) return
      await action()
    }
  }
  const fail = (error: unknown): void => {
    if (isClosed) return
    for (const { reject } of waiting.values()) reject(error)
    waiting.clear()
  }
  repeat(look, lookEvery).catch(fail)
  repeat(() => held.renew().then(check), checkEvery).catch(fail)
  const timer = setTimeout(() => void warnWithoutWorkers(queue, names, notice), 5000)

  const begin = async (job: Job): Promise<void> => {
    // An earlier coordinator may have been killed before it stored it.
    const known = await queue.outcomeOf(jobId(job))
    if (known === undefined) await queue.add(job)
    else waiting.get(jobId(job))?.resolve(known)
  }
  return {
    capacity,
    run: (job) =>
      new Promise<string>((resolve, reject) => {
        waiting.set(jobId(job), { job, resolve, reject })
        begin(job).catch(reject)
      }),
    acknowledge(job) {
      waiting.delete(jobId(job))
      stored.add(jobId(job))
    },
    running,
    async withdraw() {
      const jobs: Job[] = []
      for (const [id, { job }] of waiting) {
        // One that has just been done is gone as well, and its outcome is there.
        if (!(await queue.takeBack(id)) || (await queue.outcomeOf(id)) !== undefined) continue
        waiting.delete(id)
        jobs.push(job)
      }
      return jobs
    },
    async close() {
      clearTimeout(timer)
      for (let round = 0; round < 20 && stored.size > 0; round++) await briefly(look())
      isClosed = true
      await briefly(held.release())
      await briefly(queue.close())
      close()
    },
  }
}

/** Waits for something that may fail or, while Redis is away, not end. */
async function briefly(action: Promise<unknown>): Promise<void> {
  await Promise.race([action.catch(() => {}), sleep(1000, undefined, { ref: false })])
}

/** Follows what becomes of jobs. */
function follow(queue: JobQueue, { isStored }: RedisRunsOptions) {
  const waiting = new Map<string, Waiting>()
  /** Jobs whose outcomes are stored, and can be forgotten. */
  const stored = new Set<string>()
  let running = 0
  const look = async (): Promise<void> => {
    for (const [id, outcome] of Object.entries(await queue.outcomes())) {
      if (isStored(id)) stored.add(id)
      else waiting.get(id)?.resolve(outcome)
    }
    await Promise.all(
      [...stored].map(async (id) => {
        if (await queue.forget(id)) stored.delete(id)
      }),
    )
  }
  const checkOne = async (id: string, { job, resolve }: Waiting): Promise<void> => {
    const state = await queue.stateOf(id)
    if (state === 'there') return
    if (state !== 'gone') resolve(encode(lostRun('failed', `its workers died: ${state.failed}`, 0)))
    // Gone without an outcome, which would have been there first: Redis has lost it.
    else if ((await queue.outcomeOf(id)) === undefined && waiting.has(id)) await queue.add(job)
  }
  const check = async (): Promise<void> => {
    running = await queue.running()
    await Promise.all([...waiting].map(([id, one]) => checkOne(id, one)))
  }
  return { waiting, stored, look, check, running: () => running }
}

async function warnWithoutWorkers(
  queue: JobQueue,
  { own }: { readonly own: string },
  notice: (text: string) => void,
): Promise<void> {
  if ((await queue.workers().catch(() => 1)) > 0) return
  notice(`no worker is connected to version ${own}; start some: induced-sweep worker STUDY --redis URL`)
}

/** Sees to it that a study of one version has one coordinator, which may come back at once after it was killed. */
async function holdCoordinator(
  client: Redis,
  { coordinator }: RedisNames,
  { token, notice }: RedisRunsOptions,
) {
  const take = async (): Promise<boolean> => {
    if ((await client.set(coordinator, token, 'PX', lockTime, 'NX')) !== null) return true
    // Only one process at a time has the file of results, and so its id: this is ours, from before.
    if ((await client.get(coordinator)) !== token) return false
    await client.pexpire(coordinator, lockTime)
    return true
  }
  const refuse = (): never => {
    throw coded(
      'ERR_NOT_SUPPORTED',
      'another coordinator runs this study on this Redis; stop it, or give the study another name',
    )
  }
  const end = performance.now() + lockTime + 2000
  let isWaiting = false
  while (!(await take())) {
    if (!isWaiting) notice('another coordinator runs this study on this Redis; waiting for it')
    isWaiting = true
    if (performance.now() > end) refuse()
    await sleep(500)
  }
  return {
    async renew() {
      if (!(await take())) refuse()
    },
    async release() {
      if ((await client.get(coordinator)) === token) await client.del(coordinator)
    },
  }
}
