import type { Job } from './jobs.js'
import { createRunner } from './runner.js'

// A process that makes the runs it receives, until it is told to end.
const runner = createRunner()
process.on('message', (job: Job | 'end') => {
  void (async () => {
    if (job === 'end') {
      await runner.release()
      process.disconnect()
    } else process.send!(await runner.run(job))
  })()
})
