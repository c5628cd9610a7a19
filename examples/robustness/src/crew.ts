import { Worker } from 'node:worker_threads'

import type { Job } from './jobs.js'
import type { Run } from './run.js'
import { createRunner } from './runner.js'

/**
 * Makes all runs, on as many threads as are wanted.
 *
 * @param finished - told of each run as it ends
 */
export async function runJobs(
  jobs: readonly Job[],
  threads: number,
  finished: (run: Run) => void,
): Promise<void> {
  const left = [...jobs]
  const next = (): Job | undefined => left.shift()
  if (threads > 1) {
    await Promise.all(Array.from({ length: Math.min(threads, jobs.length) }, () => runThread(next, finished)))
    return
  }
  const runner = createRunner()
  try {
    for (let job = next(); job !== undefined; job = next()) finished(await runner.run(job))
  } finally {
    await runner.release()
  }
}

/** One thread, which is given jobs until there is none. */
function runThread(next: () => Job | undefined, finished: (run: Run) => void): Promise<void> {
  const worker = new Worker(new URL('worker.js', import.meta.url))
  return new Promise((resolve, reject) => {
    const hand = (): void => worker.postMessage(next() ?? null)
    worker.on('message', (run: Run) => {
      finished(run)
      hand()
    })
    worker.on('error', reject)
    worker.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`A thread ended with ${code}.`))))
    hand()
  })
}
