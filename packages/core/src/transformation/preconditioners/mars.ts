import { add, div, dot, ema, max, mul, pow, sqrt, square, sub } from '../../graph/algebra.js'
import { defineBuiltIn } from '../preconditioner.js'
import { epsilonAt, rate } from './ranges.js'

/**
 * MARS-AdamW (Yuan et al., 2024) in its approximate form: AdamW on the gradient c = g + γβ₁/(1−β₁)·(g − g₋₁) of reduced
 * variance. g₋₁ is the gradient of the step before, 0 at the first step; the exact form would take this batch's gradient at
 * the point before, which costs a second pass through the model. c is scaled to length 1 per tensor where it is longer.
 * P = 1/(√v̂ + ε), direction P m̂, both averages corrected for bias. The authors' code takes plain AdamW for vectors unless
 * `optimize_1d` is set; here every tensor is treated alike. c is not linear in g, so `averagedModel` and `rateFree` refuse
 * it. State: three slots, 12 bytes per float32 parameter.
 *
 * @param options `beta1` in [0, 1), default 0.95; `beta2` in [0, 1), default 0.99; `gamma` γ ≥ 0, default 0.025; `epsilon` ≥ 0,
 *   default 1e-8
 * @throws ERR_OPTION when an option is unknown, of the wrong type or out of its range
 *
 * @example
 * ```ts
 * import { inducedMetric, mars } from '@induced-metric/core'
 *
 * inducedMetric(mars(), { learningRate: 0.003, weightDecay: 0.01 })
 * ```
 */
export const mars = defineBuiltIn({
  name: 'mars',
  hyperparameters: {
    beta1: rate(0.95),
    beta2: rate(0.99),
    gamma: { kind: 'number', default: 0.025, min: 0 },
    epsilon: epsilonAt(1e-8),
  },
  update({ gradient: g, step, slot, beta1, beta2, gamma, epsilon }) {
    const weight = div(mul(gamma, beta1), sub(1, beta1))
    const raised = add(g, mul(weight, sub(g, slot('previous'))))
    const corrected = div(raised, max(1, sqrt(dot(raised, raised))))
    const m = ema(slot('m'), corrected, beta1)
    const v = ema(slot('v'), square(corrected), beta2)
    const correction = sqrt(sub(1, pow(beta2, step)))
    const denominator = add(sqrt(v), mul(epsilon, correction))
    return {
      direction: mul(div(correction, sub(1, pow(beta1, step))), div(m, denominator)),
      dual: mul(correction, div(square(g), denominator)),
      slots: { m, v, previous: g },
    }
  },
})
