import { requireInteger, requireKnown, requirePositive } from '../errors.js'
import type { Job } from '../runs/job.js'
import { jobId } from '../runs/job.js'
import { loadStudy } from '../study/loadStudy.js'
import { connectRedis, loadBullMq, redisNames } from './redisConnection.js'
import { startThreads } from './threads.js'

/** The options of `runWorker`. */
export interface RunWorkerOptions {
  /** The URL of the Redis server that the coordinator uses. */
  readonly redis: string
  /** Threads, each with one run at a time. Default: the number of cores. */
  readonly threads?: number
  /** Seconds after which a run of a worker that died is given to another one. Default 30. */
  readonly lockSeconds?: number
  /** When it is aborted, the worker takes no more runs, and returns when those that it has are done. */
  readonly signal?: AbortSignal
  /** Called with what a user should know, line by line. */
  readonly onNotice?: (text: string) => void
}

/** How often a run may have killed its worker before it is given up. */
const mostDeaths = 20

/**
 * Works for a study that a coordinator runs over Redis, until it is told to stop.
 *
 * @param file - the study file, with the same content as the coordinator's
 * @throws ERR_OPTION if the study or an option is wrong; ERR_NOT_SUPPORTED if Redis cannot be used
 */
export async function runWorker(file: string | URL, options: RunWorkerOptions): Promise<void> {
  requireKnown('runWorker', options, ['redis', 'threads', 'lockSeconds', 'signal', 'onNotice'])
  const { redis: url, threads, lockSeconds = 30, signal, onNotice: notice = () => {} } = options
  if (threads !== undefined) requireInteger('threads', threads, 1)
  requirePositive('lockSeconds', lockSeconds)
  const study = await loadStudy(file)
  const [{ client, close }, { Worker }] = await Promise.all([connectRedis(url, notice), loadBullMq()])
  const names = await redisNames(study)
  const running = await client.get(names.version)
  if (running !== null && running !== names.own) {
    notice(
      `this file is version ${names.own} of ${study.name}, the coordinator last ran ${running}: other files are other studies`,
    )
  }
  const pool = startThreads(study, threads)
  const work = async (job: Job): Promise<void> => {
    const id = jobId(job)
    // Somebody may have done it, and died before the queue knew.
    if ((await client.hexists(names.outcomes, id)) === 1) return
    const outcome = await pool.run(JSON.stringify(job))
    await client.hsetnx(names.outcomes, id, outcome)
  }
  const worker = new Worker<Job>(names.queue, ({ data }) => work(data), {
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
