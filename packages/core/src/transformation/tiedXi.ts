import type { Scheduled } from './hyperparameter.js'
import { peakOf } from './schedules.js'
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
 * κ·η for a learning rate η: its largest value, if it is a schedule that has one, so that the schedule scales the step
 * that the metric leaves instead of loosening the metric; its value at each step, if it is a function of the caller's.
 */
export function tiedTo(learningRate: Scheduled, perRate: number): Scheduled {
  if (typeof learningRate === 'number') return perRate * learningRate
  const peak = peakOf(learningRate)
  return peak === undefined ? (step) => perRate * learningRate(step) : perRate * peak
}
