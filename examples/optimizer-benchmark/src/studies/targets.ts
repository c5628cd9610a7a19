import { choice, defineStudy, listed } from '@induced-metric/sweep'

import { tuned } from '../entries.js'
import { race } from '../race.js'
import { chosenWorkloads, workloadOf } from '../scope.js'
import { trialFactors } from '../trials.js'

const ids = chosenWorkloads().map(({ id }) => id)
/** More than the trials, so that no target is easier than Adam makes it. */
const factors = trialFactors(7)

/** The share of a workload's steps in which Adam sets the target. */
const SHARE = 0.75

/** The targets: final losses of Adam in three quarters of the steps, with seeds that nothing else uses. */
export default defineStudy({
  name: 'targets',
  space: { workload: choice(ids), factor: choice(factors) },
  sampler: listed(ids.flatMap((workload) => factors.map((factor) => ({ workload, factor })))),
  metric: 'loss',
  seeds: [11, 12, 13],
  async run({ hyperparameters: { workload, factor }, seed }) {
    const task = workloadOf(workload)
    const steps = Math.round(SHARE * task.steps)
    const { loss, seconds } = await race(task, seed, tuned('adam', 'plain', factor, steps), -Infinity, steps)
    return { loss, seconds }
  },
})
