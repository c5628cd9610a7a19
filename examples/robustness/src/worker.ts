import { parentPort } from 'node:worker_threads'

import type { Job } from './jobs.js'
import { createRunner } from './runner.js'

const runner = createRunner()
parentPort!.on('message', (job: Job | null) => {
  void (async () => {
    if (job === null) {
      await runner.release()
      parentPort!.close()
    } else parentPort!.postMessage(await runner.run(job))
  })()
})
