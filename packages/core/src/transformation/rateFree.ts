import { root } from './embedding.js'
import { checkKeys } from '../validation/keys.js'
import type { Scheduled, Following } from './hyperparameter.js'
import type { Preconditioner } from './preconditioner.js'
import { groupKeys, inducedMetric } from './transformation.js'
import type { GroupOptions, InducedMetricOptions, Transformation } from './types.js'

/** The options of {@link rateFree}. */
export interface RateFreeOptions extends Omit<
  InducedMetricOptions,
  'learningRate' | 'xi' | 'embedding' | 'averagedModel' | 'startAxis' | 'averageWeights'
> {
  /** The number of steps of the run, a whole number ≥ 1: the step then comes down to 0 over it. */
  readonly steps?: number
  /** A lower bound of the loss, as of `root`. Default 0. */
  readonly floor?: Scheduled | Following
  /** A cap on the step size, > 0, which nobody need touch. Default 1. */
  readonly learningRate?: GroupOptions['learningRate']
}

/**
 * A base optimiser that needs no learning rate: a starting point that comes near a tuned one, in place of a sweep. Two axes hold
 * the step back. On the root axis no step promises more than an averaged linear model says is left of the loss; on an axis
 * tied to the first loss, no more than a share of that. With η the `learningRate`, s̄ the average of the squared dual norm and
 * ℓ₀ the loss at the start (see `startAxis`), the step size t is 1/t = 1/η + ⟨x̂, d⟩/ψ + c·s̄/ℓ₀, where
 *
 * - with `steps`, c = 10·(ℓ̄/ℓ₀)^¾/(1 − u), u the share of the run that is done: the decay is in it, so give no schedule;
 * - without, c = 9, and an average of the weights is kept to evaluate with (`averageWeights: 8`); see `withAveragedWeights`.
 *
 * Every step needs its loss. See `averagedModel` and `startAxis` of {@link inducedMetric}, which this is made of.
 *
 * @param base one that gives the average its direction is taken of: all that are built in, `rmsprop` without momentum
 * @param options `steps`, `floor`, `learningRate`, and those of `inducedMetric` that remain
 * @returns plain data, to be given to `createOptimizer` or an adapter
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
  const fixed = new Set(['xi', 'embedding', 'averagedModel', 'startAxis', 'averageWeights'])
  checkKeys('rateFree', options, [
    'steps',
    'floor',
    ...groupKeys.filter((key) => !fixed.has(key)),
    'onNonFinite',
    'metricScope',
    'groups',
  ])
  const { steps, floor, learningRate = 1, ...others } = options
  return inducedMetric(base, {
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
