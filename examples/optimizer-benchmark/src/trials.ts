import { grid, logUniform } from '@induced-metric/sweep'

import { factors } from './entries.js'

/** Configurations that every tuned optimiser may try on each workload. */
const TRIALS = 4

/** The trials, the same for all: factors on a base's own learning rate, at equal distances of the logarithm. */
export function trialFactors(trials: number = TRIALS): number[] {
  const space = { factor: logUniform(factors.low, factors.high) }
  const sampler = grid({ points: trials })
  return Array.from({ length: trials }, (_, index) => {
    const { factor } = sampler.propose({ space, index, seed: 0, tried: [] })
    return Number((factor as number).toPrecision(2))
  })
}
