import { join } from 'node:path'

import { openResults } from '@induced-metric/sweep/results'

import { MISSED } from './score.js'
import { cacheFolder } from './scope.js'

/** The best of an optimiser's trials on a workload. */
export interface BestTrial {
  readonly workload: string
  readonly base: string
  readonly variant: 'plain' | 'root'
  readonly factor: number
}

/** The best trials of the study `tuned`, of those optimisers and workloads where any reached the target. */
export function bestTrials(): BestTrial[] {
  const file = openResults(join(cacheFolder, 'tuned.sqlite'))
  try {
    const best = new Map<string, BestTrial & { readonly score: number }>()
    for (const { hyperparameters, runs } of file.read('tuned').trials) {
      const trial = hyperparameters as unknown as BestTrial
      const score = runs[0]?.value ?? MISSED
      const key = [trial.workload, trial.base, trial.variant].join()
      if (score < (best.get(key)?.score ?? MISSED)) best.set(key, { ...trial, score })
    }
    return [...best.values()]
  } finally {
    file.close()
  }
}
