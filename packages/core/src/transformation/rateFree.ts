import { root } from './embedding.js'
import { checkKeys } from '../validation/keys.js'
import { checkInteger } from '../validation/range.js'
import type { Scheduled, Following } from './hyperparameter.js'
import type { Preconditioner } from './preconditioner.js'
import { groupKeys, inducedMetric, optionRanges } from './transformation.js'
import type { GroupOptions, InducedMetricOptions, Transformation } from './types.js'

/** The options of {@link rateFree}. */
export interface RateFreeOptions extends Omit<
  InducedMetricOptions,
  'learningRate' | 'xi' | 'embedding' | 'averagedModel' | 'startAxis' | 'risingCap' | 'averageWeights'
> {
  /** The number of steps of the run, a whole number ≥ 1. The step size then decreases to 0 over it. */
  readonly steps?: number
  /** A lower bound of the loss, as in `root`. Default 0. */
  readonly floor?: Scheduled | Following
  /**
   * A cap on the step size, > 0. The default, 1, rarely needs changing. A number below 1 is the cap on the first step, and grows
   * to 1 at the rate of `growthRate`.
   */
  readonly learningRate?: GroupOptions['learningRate']
}

/**
 * An optimiser that needs no learning rate: a starting point that comes close to a tuned one, without a sweep. Two axes limit
 * the step. On the root axis no step promises more than an averaged linear model says is left of the loss; on an axis tied to
 * the first loss, no more than a share of that. With η the `learningRate`, s̄ the average of the squared dual norm and ℓ₀ the
 * loss at the start (see `startAxis`), the step size t is given by 1/t = 1/η + ⟨x̂, d⟩/ψ + c·s̄/ℓ₀, where
 *
 * - with `steps`, c = 10·(ℓ̄/ℓ₀)^¾/(1 − u), with u the share of the run that is done. This includes the decay, so give no
 *   schedule;
 * - without `steps`, c = 9, and an average of the weights is kept for evaluation (`averageWeights: 8`); see
 *   `withEvaluationWeights`.
 *
 * With `steps`, t grows in one step by 2 % at most, in runs of less than 300 steps by 6/steps (`growthRate`). By as much the cap grows
 * (2 % without `steps`) from a number below 1 up to 1, so that a cap which is too small costs the first steps only.
 *
 * Every step needs its loss. The parts are `averagedModel`, `startAxis` and `risingCap` of {@link inducedMetric}.
 *
 * @param base one that gives the average behind its direction: any built-in one whose doc comment does not say that `rateFree`
 *   refuses it, such as `adopt`; `rmsprop`, `lars`, `adafactor` and `sm3` only without momentum
 * @param options `steps`, `floor`, `learningRate`, `growthRate`, and the remaining options of `inducedMetric`
 * @returns plain data, for `createOptimizer` or an adapter
 * @throws ERR_OPTION when an option is unknown, of the wrong type or out of its range
 *
 * @example
 * ```ts
 * import { adam, createOptimizer, rateFree } from '@induced-metric/core'
 *
 * const w = new Float32Array([1, -2, 3])
 * const optimizer = createOptimizer(rateFree(adam(), { steps: 200 }), [{ name: 'w', shape: [3], data: w }])
 * for (let i = 0; i < 200; i++) {
 *   optimizer.step([w.map((x) => 2 * x)], { loss: w.reduce((sum, x) => sum + x * x, 0) })
 * }
 * ```
 */
export function rateFree(base: Preconditioner, options: RateFreeOptions = {}): Transformation {
  const fixed = new Set(['xi', 'embedding', 'averagedModel', 'startAxis', 'risingCap', 'averageWeights'])
  checkKeys('rateFree', options, [
    'steps',
    'floor',
    ...groupKeys.filter((key) => !fixed.has(key)),
    'onNonFinite',
    'metricScope',
    'accumulate',
    'groups',
  ])
  const { steps, floor, learningRate = 1, ...others } = options
  if (steps !== undefined) checkInteger('rateFree.steps', steps, optionRanges.startSteps)
  const growthRate = steps === undefined ? undefined : Math.max(1.02, 1 + 6 / steps)
  const growth = others.growthRate ?? growthRate
  const rises = typeof learningRate === 'number' && learningRate > 0 && learningRate < 1
  return inducedMetric(base, {
    ...(growthRate !== undefined && { growthRate }),
    ...(rises && { risingCap: growth === undefined ? {} : { growth } }),
    ...others,
    learningRate,
    xi: 'rate',
    embedding: root(floor === undefined ? {} : { floor }),
    averagedModel: true,
    ...(steps === undefined
      ? { startAxis: { weight: 9 }, averageWeights: 8 }
      : { startAxis: { weight: 10, power: 0.75, steps } }),
  })
}
