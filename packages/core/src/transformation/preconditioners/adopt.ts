import { div, ema, greater, max, min, mul, neg, pow, select, sqrt, square, sub } from '../../graph/algebra.js'
import { defineBuiltIn } from '../preconditioner.js'
import { epsilonAt, rate } from './ranges.js'

/**
 * ADOPT (Taniguchi et al., 2024, with its clipping): the gradient is divided by the root of the second moment of before
 * this step, x = g/max(√v₋₁, ε), clipped to ±(t−1)^¼, and then averaged: direction m = β₁m + (1−β₁)x. Nothing is corrected
 * for bias. The first step only sets v = g²; its direction is 0. m averages no gradients, so `averagedModel` and `rateFree`
 * refuse it; s = Σ g·x. State: two slots, 8 bytes per float32 parameter.
 *
 * @param options `beta1` in [0, 1), default 0.9; `beta2` in [0, 1), default 0.9999; `epsilon` ≥ 0, default 1e-6
 * @throws ERR_OPTION when an option is unknown, of the wrong type or out of its range
 *
 * @example
 * ```ts
 * import { adopt, inducedMetric } from '@induced-metric/core'
 *
 * inducedMetric(adopt(), { learningRate: 0.001 })
 * ```
 */
export const adopt = defineBuiltIn({
  name: 'adopt',
  hyperparameters: { beta1: rate(0.9), beta2: rate(0.9999), epsilon: epsilonAt(1e-6) },
  update({ gradient: g, step, slot, beta1, beta2, epsilon }) {
    const bound = pow(sub(step, 1), 0.25)
    const normalised = div(g, max(sqrt(slot('v')), epsilon))
    const clipped = min(max(normalised, neg(bound)), bound)
    const m = ema(slot('m'), clipped, beta1)
    const v = ema(slot('v'), square(g), select(greater(step, 1), beta2, 0))
    return { direction: m, dual: mul(g, clipped), slots: { m, v } }
  },
})
