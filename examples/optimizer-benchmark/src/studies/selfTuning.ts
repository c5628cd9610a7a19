import { choice, defineStudy, listed } from '@induced-metric/sweep'

import { rateFreeBases, selfTuning, variants } from '../entries.js'
import { scored } from '../score.js'
import { chosenBases, chosenWorkloads, seedsOf, workloadOf } from '../scope.js'
import { readTargets, targetOf } from '../targets.js'

/** Those that take the most time come last, so that a study that is stopped has the others whole. */
const slow = ['text-bag', 'autoencoder', 'regression', 'mnist-lenet', 'char-gpt']
const ids = chosenWorkloads()
  .map(({ id }) => id)
  .sort((a, b) => slow.indexOf(a) - slow.indexOf(b))
const names = chosenBases()
const targets = readTargets()
const taken = rateFreeBases()

/** Optimisers that nobody tunes, on all workloads. */
export default defineStudy({
  name: 'self-tuning',
  space: { workload: choice(ids), base: choice(names), variant: choice(variants) },
  sampler: listed(
    ids.flatMap((workload) =>
      names.flatMap((base) =>
        variants
          .filter((variant) => variant !== 'rateFree' || taken.includes(base))
          .map((variant) => ({ workload, base, variant })),
      ),
    ),
  ),
  metric: 'score',
  seeds: seedsOf(3),
  budget: { secondsPerRun: 60 },
  run: ({ hyperparameters: { workload, base, variant }, seed }) =>
    scored(workloadOf(workload), seed, targetOf(targets, workload), (steps) =>
      selfTuning(base, variant, steps),
    ),
})
