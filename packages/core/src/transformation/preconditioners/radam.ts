import { add, div, ema, greater, mul, pow, select, sqrt, square, sub } from '../../graph/algebra.js'
import { defineBuiltIn } from '../preconditioner.js'
import { epsilonAt, rate } from './ranges.js'

/**
 * RAdam (Liu et al., 2019): Adam that starts as momentum. With ρ∞ = 2/(1−β₂) − 1 and ρₜ = ρ∞ − 2tβ₂ᵗ/(1−β₂ᵗ),
 * P = κ√(1−β₂ᵗ)/(√v + ε) where ρₜ > 5, κ² = (ρₜ−4)(ρₜ−2)ρ∞/((ρ∞−4)(ρ∞−2)ρₜ), and P = 1 before; direction P m̂. ε is added to
 * √v before the bias correction, as in PyTorch. State: two slots, 8 bytes per float32 parameter.
 *
 * @param options `beta1` in [0, 1), default 0.9; `beta2` in [0, 1), default 0.999; `epsilon` ≥ 0, default 1e-8
 * @throws ERR_OPTION when an option is unknown, of the wrong type or out of its range
 *
 * @example
 * ```ts
 * import { inducedMetric, radam } from '@induced-metric/core'
 *
 * inducedMetric(radam(), { learningRate: 0.001 })
 * ```
 */
export const radam = defineBuiltIn({
  name: 'radam',
  hyperparameters: { beta1: rate(0.9), beta2: rate(0.999), epsilon: epsilonAt(1e-8) },
  update({ gradient: g, step, slot, beta1, beta2, epsilon }) {
    const squared = square(g)
    const m = ema(slot('m'), g, beta1)
    const v = ema(slot('v'), squared, beta2)
    const decayed = pow(beta2, step)
    const limit = sub(div(2, sub(1, beta2)), 1)
    const length = sub(limit, div(mul(mul(2, step), decayed), sub(1, decayed)))
    const above = (x: typeof length): typeof length => mul(sub(x, 4), sub(x, 2))
    const rectification = div(mul(above(length), limit), mul(above(limit), length))
    const rectified = greater(length, 5)
    const scale = select(rectified, sqrt(mul(rectification, sub(1, decayed))), 1)
    // √v + ε, or 1 where `rectified` is 0.
    const offset = select(rectified, epsilon, 1)
    const denominator = add(mul(rectified, sqrt(v)), offset)
    const unbias = sub(1, pow(beta1, step))
    return {
      direction: mul(div(scale, unbias), div(m, denominator)),
      average: div(m, unbias),
      dual: mul(scale, div(squared, denominator)),
      slots: { m, v },
    }
  },
})
