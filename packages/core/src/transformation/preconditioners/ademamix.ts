import { add, div, ema, mul, pow, sqrt, square, sub } from '../../graph/algebra.js'
import { defineBuiltIn } from '../preconditioner.js'
import { epsilonAt, rate } from './ranges.js'

/**
 * AdEMAMix (Pagliardini, Ablin and Grangier, 2024): Adam with a second, slow average of gradients, l = β₃l + (1−β₃)g.
 * P = 1/(√v̂ + ε), direction P(m̂ + αl). m and v are corrected for bias, l is not. The authors raise β₃ and α from β₁ and 0:
 * give both as schedules. State: three slots, 12 bytes per float32 parameter.
 *
 * @param options `beta1` in [0, 1), default 0.9; `beta2` in [0, 1), default 0.999; `beta3` in [0, 1), default 0.9999;
 *   `alpha` ≥ 0, default 5; `epsilon` ≥ 0, default 1e-8
 * @throws ERR_OPTION when an option is unknown, of the wrong type or out of its range
 *
 * @example
 * ```ts
 * import { ademamix, inducedMetric, linear } from '@induced-metric/core'
 *
 * inducedMetric(ademamix({ alpha: linear({ from: 0, to: 5, steps: 10_000 }) }), { learningRate: 0.001 })
 * ```
 */
export const ademamix = defineBuiltIn({
  name: 'ademamix',
  hyperparameters: {
    beta1: rate(0.9),
    beta2: rate(0.999),
    beta3: rate(0.9999),
    alpha: { kind: 'number', default: 5, min: 0 },
    epsilon: epsilonAt(1e-8),
  },
  update({ gradient: g, step, slot, beta1, beta2, beta3, alpha, epsilon }) {
    const squared = square(g)
    const m = ema(slot('m'), g, beta1)
    const slow = ema(slot('slow'), g, beta3)
    const v = ema(slot('v'), squared, beta2)
    const correction = sqrt(sub(1, pow(beta2, step)))
    const denominator = add(sqrt(v), mul(epsilon, correction))
    const mixed = add(div(m, sub(1, pow(beta1, step))), mul(alpha, slow))
    return {
      direction: mul(correction, div(mixed, denominator)),
      average: div(mixed, add(1, mul(alpha, sub(1, pow(beta3, step))))),
      dual: mul(correction, div(squared, denominator)),
      slots: { m, slow, v },
    }
  },
})
