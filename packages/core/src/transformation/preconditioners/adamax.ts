import { abs, add, div, ema, max, mul, pow, square, sub } from '../../graph/algebra.js'
import { defineBuiltIn } from '../preconditioner.js'
import { epsilonAt, rate } from './ranges.js'

/**
 * AdaMax (Kingma and Ba, 2014, section 7), Adam in the ∞-norm: P = 1/u with u = max(β₂u, |g| + ε), direction P m̂. m̂ is
 * corrected for bias, u needs no correction. ε is added to |g|, as in PyTorch. State: two slots, 8 bytes per float32
 * parameter.
 *
 * @param options `beta1` in [0, 1), default 0.9; `beta2` in [0, 1), default 0.999; `epsilon` ≥ 0, default 1e-8
 * @throws ERR_OPTION when an option is unknown, of the wrong type or out of its range
 *
 * @example
 * ```ts
 * import { adamax, inducedMetric } from '@induced-metric/core'
 *
 * inducedMetric(adamax(), { learningRate: 0.002 })
 * ```
 */
export const adamax = defineBuiltIn({
  name: 'adamax',
  hyperparameters: { beta1: rate(0.9), beta2: rate(0.999), epsilon: epsilonAt(1e-8) },
  update({ gradient: g, step, slot, beta1, beta2, epsilon }) {
    const m = ema(slot('m'), g, beta1)
    const u = max(mul(beta2, slot('u')), add(abs(g), epsilon))
    const unbias = sub(1, pow(beta1, step))
    return {
      direction: mul(div(1, unbias), div(m, u)),
      average: div(m, unbias),
      dual: div(square(g), u),
      slots: { m, u },
    }
  },
})
