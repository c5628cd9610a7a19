import type { Scheduled } from './hyperparameter.js'
import { peakOf } from './scheduleJSON.js'
import type { TiedXi } from './types.js'

/** Whether ξ is tied to the learning rate. */
export function isTied(xi: unknown): xi is 'rate' | TiedXi {
  return xi === 'rate' || (typeof xi === 'object' && xi !== null)
}

/** κ. */
export function perRateOf(xi: 'rate' | TiedXi): number {
  return xi === 'rate' ? 1 : xi.perRate
}

/**
 * κ·η for a learning rate η. For a schedule that has a largest value, η is that value: the schedule then scales the step that
 * the metric leaves, and does not loosen the metric. For a function of the caller, η is its value at each step.
 */
export function tiedTo(learningRate: Scheduled, perRate: number): Scheduled {
  if (typeof learningRate === 'number') return perRate * learningRate
  const peak = peakOf(learningRate)
  return peak === undefined ? (step) => perRate * learningRate(step) : perRate * peak
}
