import { add, div, ema, greater, mul, pow, select, sqrt, square, sub } from '../../graph/algebra.js'
import { defineBuiltIn } from '../preconditioner.js'
import { epsilonAt, rate } from './ranges.js'

/**
 * Adan (Xie et al., 2022), Nesterov momentum by differences of gradients: with Δ = g − g₋₁, which is 0 at the first step,
 * m = β₁m + (1−β₁)g, v = β₂v + (1−β₂)Δ and n = β₃n + (1−β₃)(g + β₂Δ)², P = 1/(√n̂ + ε) and the direction is
 * P(m̂ + β₂v̂). All three averages are corrected for bias. The rates are those of the authors' code; in the paper each is one
 * minus that. State: four slots, 16 bytes per float32 parameter.
 *
 * @param options `beta1` in [0, 1), default 0.98; `beta2` in [0, 1), default 0.92; `beta3` in [0, 1), default 0.99;
 *   `epsilon` ≥ 0, default 1e-8
 * @throws ERR_OPTION when an option is unknown, of the wrong type or out of its range
 *
 * @example
 * ```ts
 * import { adan, inducedMetric } from '@induced-metric/core'
 *
 * inducedMetric(adan(), { learningRate: 0.001 })
 * ```
 */
export const adan = defineBuiltIn({
  name: 'adan',
  hyperparameters: { beta1: rate(0.98), beta2: rate(0.92), beta3: rate(0.99), epsilon: epsilonAt(1e-8) },
  update({ gradient: g, step, slot, beta1, beta2, beta3, epsilon }) {
    const difference = mul(select(greater(step, 1), 1, 0), sub(g, slot('previous')))
    const m = ema(slot('m'), g, beta1)
    const v = ema(slot('v'), difference, beta2)
    const n = ema(slot('n'), square(add(g, mul(beta2, difference))), beta3)
    const correction = sqrt(sub(1, pow(beta3, step)))
    const denominator = add(sqrt(n), mul(epsilon, correction))
    // The weights of the differences add up to 0.
    const average = add(div(m, sub(1, pow(beta1, step))), mul(div(beta2, sub(1, pow(beta2, step))), v))
    return {
      direction: mul(correction, div(average, denominator)),
      average,
      dual: mul(correction, div(square(g), denominator)),
      slots: { m, v, n, previous: g },
    }
  },
})
