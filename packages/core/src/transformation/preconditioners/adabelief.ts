import { add, div, ema, mul, pow, sqrt, square, sub } from '../../graph/algebra.js'
import { defineBuiltIn } from '../preconditioner.js'
import { epsilonAt, rate } from './ranges.js'

/**
 * AdaBelief (Zhuang et al., 2020): Adam with the variance of the gradient about its average in place of its square,
 * v = β₂v + (1−β₂)(g − m)² + ε, where m includes g. P = 1/(√v̂ + ε), direction P m̂. Both averages are corrected for bias, and
 * ε is added at both places, as in the authors' code. State: two slots, 8 bytes per float32 parameter.
 *
 * @param options `beta1` in [0, 1), default 0.9; `beta2` in [0, 1), default 0.999; `epsilon` ≥ 0, default 1e-16
 * @throws ERR_OPTION when an option is unknown, of the wrong type or out of its range
 *
 * @example
 * ```ts
 * import { adabelief, inducedMetric } from '@induced-metric/core'
 *
 * inducedMetric(adabelief(), { learningRate: 0.001 })
 * ```
 */
export const adabelief = defineBuiltIn({
  name: 'adabelief',
  hyperparameters: { beta1: rate(0.9), beta2: rate(0.999), epsilon: epsilonAt(1e-16) },
  update({ gradient: g, step, slot, beta1, beta2, epsilon }) {
    const m = ema(slot('m'), g, beta1)
    const v = add(ema(slot('v'), square(sub(g, m)), beta2), epsilon)
    const correction = sqrt(sub(1, pow(beta2, step)))
    const denominator = add(sqrt(v), mul(epsilon, correction))
    const unbias = sub(1, pow(beta1, step))
    return {
      direction: mul(div(correction, unbias), div(m, denominator)),
      average: div(m, unbias),
      dual: mul(correction, div(square(g), denominator)),
      slots: { m, v },
    }
  },
})
