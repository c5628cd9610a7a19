import { availableParallelism } from 'node:os'
import { MessageChannel } from 'node:worker_threads'
import { Piscina } from 'piscina'
import { messageOf } from '../errors.js'
import type { Job } from '../runs/job.js'
import { encode, lostRun } from '../runs/outcome.js'
import type { ThreadTask } from '../runs/runTask.js'
import type { LoadedStudy } from '../study/loadStudy.js'

/** Threads that run jobs given as texts. */
export interface ThreadPool {
  readonly threads: number
  readonly run: (job: string) => Promise<string>
  readonly close: () => Promise<void>
}

/** Seconds that a run has to end by itself when its time is over. */
const grace = 1

/** Starts worker threads (default: one per core) that run jobs of a study. */
export function startThreads(study: LoadedStudy, threads = availableParallelism()): ThreadPool {
  const limit = study.secondsPerRun
  const pool = new Piscina<ThreadTask, string>({
    filename: new URL('../runs/thread.cjs', import.meta.url).href,
    minThreads: threads,
    maxThreads: threads,
    idleTimeout: Infinity,
    // A thread that sleeps in Atomics.wait between its runs would stop what a framework still does there.
    atomics: 'disabled',
    recordTiming: false,
  })
  const run = async (job: string): Promise<string> => {
    const controller = new AbortController()
    const { port1, port2 } = new MessageChannel()
    let begin = performance.now()
    let timer: NodeJS.Timeout | undefined
    const seconds = (): number => (performance.now() - begin) / 1000
    // Said when the thread has loaded everything: only from then on does the time count.
    port1.once('message', () => {
      begin = performance.now()
      // A run that neither reports nor waits can only be ended with its thread.
      if (limit !== undefined) timer = setTimeout(() => controller.abort(), (limit + grace) * 1000)
    })
    try {
      const task = { study: study.url, job, begun: port2 }
      return await pool.run(task, { signal: controller.signal, transferList: [port2] })
    } catch (error) {
      if (controller.signal.aborted)
        return encode(lostRun('timedOut', 'it did not react, and was ended with its thread', seconds()))
      return encode(lostRun('failed', `its thread ended: ${messageOf(error)}`, seconds()))
    } finally {
      clearTimeout(timer)
      port1.close()
    }
  }
  return { threads, run, close: () => pool.destroy() }
}

/** The pool of a study that runs in threads of this process. */
export function createThreadRuns({ threads, run, close }: ThreadPool) {
  let running = 0
  return {
    capacity: threads,
    async run(job: Job) {
      running++
      try {
        return await run(JSON.stringify(job))
      } finally {
        running--
      }
    },
    acknowledge: () => {},
    running: () => running,
    withdraw: () => Promise.resolve([]),
    close,
  }
}
