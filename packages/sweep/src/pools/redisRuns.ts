import { setTimeout as sleep } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import { coded } from '../errors.js'
import { type Job, jobId } from '../runs/job.js'
import { encode, lostRun } from '../runs/outcome.js'
import type { LoadedStudy } from '../study/loadStudy.js'
import type { RunPool } from './pool.js'
import { connectRedis, loadBullMq, redisNames, type RedisNames } from './redisConnection.js'

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
  const { url, isStored, notice } = options
  const [{ client, close }, { Queue }] = await Promise.all([connectRedis(url, notice), loadBullMq()])
  const names = await redisNames(study)
  const held = await holdCoordinator(client, names, options)
  await client.set(names.version, names.own)
  const queue = new Queue(names.queue, { connection: client })
  // Its connection is ours, whose errors are told already.
  queue.on('error', () => {})
  const waiting = new Map<string, Waiting>()
  /** Jobs whose outcomes are stored, and can be forgotten. */
  const stored = new Set<string>()
  let [running, isClosed] = [0, false]

  const add = (job: Job) =>
    queue.add('run', job, { jobId: jobId(job), removeOnComplete: true, removeOnFail: false })
  const settle = (id: string, outcome: string): void => {
    waiting.get(id)?.resolve(outcome)
    waiting.delete(id)
  }
  const forget = async (id: string): Promise<void> => {
    // A worker that still holds the job ends it in a moment. Its outcome stays until then, so that nobody begins again.
    const isGone = await queue.remove(id).catch(() => 0)
    if (isGone === 0 && (await queue.getJob(id)) !== undefined) return
    await client.hdel(names.outcomes, id)
    stored.delete(id)
  }
  const look = async (): Promise<void> => {
    for (const [id, outcome] of Object.entries(await client.hgetall(names.outcomes))) {
      if (waiting.has(id)) settle(id, outcome)
      else if (isStored(id)) stored.add(id)
    }
    await Promise.all([...stored].map(forget))
  }
  const check = async (): Promise<void> => {
    await held.renew()
    running = (await queue.getJobCounts('active'))['active'] ?? 0
    await Promise.all(
      [...waiting].map(async ([id, { job }]) => {
        const found = await queue.getJob(id)
        if (found === undefined) {
          // Gone without an outcome: Redis has lost it. (The outcome comes first, so that it would be there.)
          if ((await client.hexists(names.outcomes, id)) === 0) await add(job)
        } else if ((await found.isFailed()) && waiting.has(id)) {
          settle(id, encode(lostRun('failed', `its workers died: ${found.failedReason}`, 0)))
        }
      }),
    )
  }
  const fail = (error: unknown): void => {
    if (isClosed) return
    for (const { reject } of waiting.values()) reject(error)
    waiting.clear()
  }
  const repeat = async (action: () => Promise<void>, every: number): Promise<void> => {
    for (;;) {
      await sleep(every)
      if (isClosed) return
      await action()
    }
  }
  repeat(look, lookEvery).catch(fail)
  repeat(check, checkEvery).catch(fail)
  void warnWithoutWorkers()
  async function warnWithoutWorkers(): Promise<void> {
    await sleep(5000, undefined, { ref: false })
    if (isClosed || (await queue.getWorkersCount().catch(() => 1)) > 0) return
    notice(
      `no worker is connected to version ${names.own}; start some: induced-sweep worker STUDY --redis URL`,
    )
  }

  return {
    capacity,
    run: (job) =>
      new Promise<string>((resolve, reject) => {
        waiting.set(jobId(job), { job, resolve, reject })
        add(job).catch(reject)
      }),
    acknowledge: (job) => void stored.add(jobId(job)),
    running: () => running,
    async withdraw() {
      const jobs: Job[] = []
      for (const [id, { job }] of waiting) {
        // Fails for a job that a worker holds.
        if ((await queue.remove(id).catch(() => 0)) === 0) continue
        waiting.delete(id)
        jobs.push(job)
      }
      return jobs
    },
    async close() {
      for (let round = 0; round < 20 && stored.size > 0; round++) {
        await Promise.race([look(), sleep(1000)]).catch(() => {})
      }
      isClosed = true
      await Promise.race([held.release().catch(() => {}), sleep(1000)])
      await Promise.race([queue.close().catch(() => {}), sleep(1000)])
      close()
    },
  }
}

/** Sees to it that a study of one version has one coordinator, which may come back at once after it was killed. */
async function holdCoordinator(client: Redis, { coordinator }: RedisNames, { token }: RedisRunsOptions) {
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
  while (!(await take())) {
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
