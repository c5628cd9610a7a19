import type { Transformation } from '@induced-metric/core'

import { race } from './race.js'
import type { Workload } from './workloads/workload.js'

/** The score of a run that did not reach its target. */
export const MISSED = 2

/** A run's score, as the metrics of a study: the share of the steps that it took to the target. */
export async function scored(
  workload: Workload,
  seed: number,
  target: number,
  transform: (steps: number) => Transformation,
): Promise<{ readonly score: number; readonly loss: number; readonly seconds: number }> {
  const { steps, loss, seconds } = await race(workload, seed, transform(workload.steps), target)
  return { score: steps === null ? MISSED : steps / workload.steps, loss, seconds }
}
