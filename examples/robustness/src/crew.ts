import { fork } from 'node:child_process'

import type { Job } from './jobs.js'
import type { Run } from './run.js'
import { createRunner } from './runner.js'

/**
 * Makes all runs, in the given number of processes; with 1, in this one.
 *
 * @param finished - called with each run when it ends
 */
export async function runJobs(
  jobs: readonly Job[],
  processes: number,
  finished: (run: Run) => void,
): Promise<void> {
  const left = [...jobs]
  const next = (): Job | undefined => left.shift()
  if (processes > 1) {
    await Promise.all(
      Array.from({ length: Math.min(processes, jobs.length) }, () => runProcess(next, finished)),
    )
    return
  }
  const runner = createRunner()
  try {
    for (let job = next(); job !== undefined; job = next()) finished(await runner.run(job))
  } finally {
    await runner.release()
  }
}

/** A child process that receives jobs until there are none left. */
function runProcess(next: () => Job | undefined, finished: (run: Run) => void): Promise<void> {
  const worker = fork(new URL('worker.js', import.meta.url))
  return new Promise((resolve, reject) => {
    const hand = (): void => void worker.send(next() ?? 'end')
    worker.on('message', (run: Run) => {
      finished(run)
      hand()
    })
    worker.on('error', reject)
    worker.on('exit', (code) =>
      code === 0 ? resolve() : reject(new Error(`A process of the study ended with code ${code}.`)),
    )
    hand()
  })
}
