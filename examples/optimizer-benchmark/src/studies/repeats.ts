import { choice, defineStudy, listed } from '@induced-metric/sweep'

import { bestTrials } from '../bestTrials.js'
import { tuned } from '../entries.js'
import { scored } from '../score.js'
import { workloadOf } from '../scope.js'
import { readTargets, targetOf } from '../targets.js'

const targets = readTargets()
const best = bestTrials()
const distinct = <T>(values: readonly T[]): T[] => [...new Set(values)]

/** The best trial of each optimiser that reached the target, again with seeds that had no part in the choice. */
export default defineStudy({
  name: 'repeats',
  space: {
    workload: choice(distinct(best.map(({ workload }) => workload))),
    base: choice(distinct(best.map(({ base }) => base))),
    variant: choice(['plain', 'root']),
    factor: choice(distinct(best.map(({ factor }) => factor))),
  },
  sampler: listed(best.map(({ workload, base, variant, factor }) => ({ workload, base, variant, factor }))),
  metric: 'score',
  seeds: [2, 3],
  budget: { secondsPerRun: 60 },
  run: ({ hyperparameters: { workload, base, variant, factor }, seed }) =>
    scored(workloadOf(workload), seed, targetOf(targets, workload), (steps) =>
      tuned(base, variant, factor, steps),
    ),
})
