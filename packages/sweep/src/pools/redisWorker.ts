import type { Job } from '../runs/job.js'
import { jobId } from '../runs/job.js'
import type { RunWorkerOptions } from '../runOptions.js'
import type { LoadedStudy } from '../study/loadStudy.js'
import { connectRedis, loadBullMq, redisNames } from './redisConnection.js'
import { startThreads } from './threads.js'

/** How often a run may have killed its worker before it is given up. */
const mostDeaths = 20

/** Works for a study: see `runWorker`. */
export async function work(study: LoadedStudy, options: RunWorkerOptions): Promise<void> {
  const { redis: url, threads, lockSeconds = 30, signal, onNotice: notice = () => {} } = options
  const [{ client, close }, { Worker }] = await Promise.all([connectRedis(url, notice), loadBullMq()])
  const names = await redisNames(study)
  const version = await client.get(names.version)
  if (version !== null && version !== names.own) {
    notice(
      `this file is version ${names.own} of ${study.name}, the coordinator last ran ${version}: other files are other studies`,
    )
  }
  const pool = startThreads(study, threads)
  /** Runs of this worker. While Redis is away their locks run out, and it may give the same ones out again. */
  const running = new Map<string, Promise<string>>()
  const begin = (id: string, job: Job): Promise<string> => {
    const run = pool.run(JSON.stringify(job))
    running.set(id, run)
    return run
  }
  const perform = async (job: Job): Promise<void> => {
    const id = jobId(job)
    // Somebody may have done it, and died before the queue knew.
    if ((await client.hexists(names.outcomes, id)) === 1) return
    const outcome = await (running.get(id) ?? begin(id, job))
    await client.hsetnx(names.outcomes, id, outcome)
    running.delete(id)
  }
  const worker = new Worker<Job>(names.queue, ({ data }) => perform(data), {
    connection: client,
    concurrency: pool.threads,
    lockDuration: lockSeconds * 1000,
    stalledInterval: lockSeconds * 1000,
    maxStalledCount: mostDeaths,
  })
  // Locks that ran out while Redis was away. What matters is in the hash of outcomes.
  worker.on('error', () => {})
  notice(`working on ${study.name} (version ${names.own}) with ${pool.threads} threads`)
  try {
    if (signal?.aborted !== true) {
      await new Promise<void>((resolve) => signal?.addEventListener('abort', () => resolve(), { once: true }))
    }
    notice('stopping after the runs that have begun')
    await worker.close()
  } finally {
    await pool.close()
    close()
  }
}
