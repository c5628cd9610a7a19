// node packages/conformance/scripts/golden_checkpoints.js
//
// Prints the checkpoint files of the runs in src/cases/goldenProblems.ts that have none yet, as the core's reference engine
// writes them, in Base64: to be appended to src/cases/goldenCheckpoints.ts. A file that is there is never written again.
import * as core from '@induced-metric/core'
import { goldenCheckpoints } from '../dist/cases/goldenCheckpoints.js'
import { problemParameters, problemStep } from '../dist/problem.js'

for (const { title, problem, after, dtype, ...golden } of goldenCheckpoints) {
  // Of a run that was appended there are no bytes yet.
  if (/** @type {{ bytes?: string }} */ (golden).bytes !== undefined) continue
  const transformation = core.fromJSON({ format: 'induced-metric', version: 1, ...problem.transformation })
  const parameters = problemParameters(problem, dtype)
  const optimizer = core.createOptimizer(transformation, parameters, { engine: 'reference' })
  for (let step = 1; step <= after; step++) {
    const { gradients, loss } = problemStep(problem, step, dtype)
    optimizer.step(gradients, loss === undefined ? {} : { loss })
  }
  process.stdout.write(
    `  // ${title}\n  '${Buffer.from(core.encodeCheckpoint(optimizer.save())).toString('base64')}',\n`,
  )
}
