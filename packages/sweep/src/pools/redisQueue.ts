import type { Queue } from 'bullmq'
import type { Redis } from 'ioredis'
import { type Job, jobId } from '../runs/job.js'
import type { RedisNames } from './redisConnection.js'

/** The jobs of a study in BullMQ's queue, and beside it the outcomes that are not stored yet. */
export interface JobQueue {
  /** Does nothing if the job is there already. */
  readonly add: (job: Job) => Promise<void>
  /** The outcomes that are there, by job. */
  readonly outcomes: () => Promise<Readonly<Record<string, string>>>
  readonly outcomeOf: (id: string) => Promise<string | undefined>
  /** Removes a job and its outcome. @returns false if a worker still holds the job: try again later */
  readonly forget: (id: string) => Promise<boolean>
  /** Removes a job that no worker holds. @returns whether it is gone */
  readonly takeBack: (id: string) => Promise<boolean>
  /** What became of a job; with the reason, if it was given up because its workers died. */
  readonly stateOf: (id: string) => Promise<'there' | 'gone' | { readonly failed: string }>
  /** How many jobs are with workers. */
  readonly running: () => Promise<number>
  readonly workers: () => Promise<number>
  readonly close: () => Promise<void>
}

/** Looks at a queue as `JobQueue`. */
export function createJobQueue(queue: Queue, client: Redis, { outcomes }: RedisNames): JobQueue {
  const takeBack = async (id: string): Promise<boolean> => (await queue.remove(id).catch(() => 0)) !== 0
  return {
    async add(job) {
      await queue.add('run', job, { jobId: jobId(job), removeOnComplete: true, removeOnFail: false })
    },
    outcomes: () => client.hgetall(outcomes),
    outcomeOf: async (id) => (await client.hget(outcomes, id)) ?? undefined,
    async forget(id) {
      // A worker that still holds the job ends it in a moment. Its outcome stays until then, so that nobody begins again.
      if (!(await takeBack(id)) && (await queue.getJob(id)) !== undefined) return false
      await client.hdel(outcomes, id)
      return true
    },
    takeBack,
    async stateOf(id) {
      const job = await queue.getJob(id)
      if (job === undefined) return 'gone'
      return (await job.isFailed()) ? { failed: job.failedReason ?? '' } : 'there'
    },
    running: async () => (await queue.getJobCounts('active'))['active'] ?? 0,
    workers: () => queue.getWorkersCount(),
    close: () => queue.close(),
  }
}
