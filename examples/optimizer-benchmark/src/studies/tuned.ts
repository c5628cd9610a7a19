import { choice, defineStudy, listed } from '@induced-metric/sweep'

import { tuned } from '../entries.js'
import { scored } from '../score.js'
import { chosenBases, chosenWorkloads, workloadOf } from '../scope.js'
import { readTargets, targetOf } from '../targets.js'
import { trialFactors } from '../trials.js'

const ids = chosenWorkloads().map(({ id }) => id)
const names = chosenBases()
const variants = ['plain', 'root'] as const
const factors = trialFactors()
const targets = readTargets()

/** The trials of all optimisers on all workloads. */
export default defineStudy({
  name: 'tuned',
  space: { workload: choice(ids), base: choice(names), variant: choice(variants), factor: choice(factors) },
  sampler: listed(
    ids.flatMap((workload) =>
      names.flatMap((base) =>
        variants.flatMap((variant) => factors.map((factor) => ({ workload, base, variant, factor }))),
      ),
    ),
  ),
  metric: 'score',
  seeds: [1],
  budget: { secondsPerRun: 60 },
  run: ({ hyperparameters: { workload, base, variant, factor }, seed }) =>
    scored(workloadOf(workload), seed, targetOf(targets, workload), (steps) =>
      tuned(base, variant, factor, steps),
    ),
})
