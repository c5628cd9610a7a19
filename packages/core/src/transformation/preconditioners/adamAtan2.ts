import { atan2, div, ema, mul, pow, sqrt, square, sub } from '../../graph/algebra.js'
import { defineBuiltIn } from '../preconditioner.js'
import { rate } from './ranges.js'

/**
 * Adam-atan2 (Everett et al., 2024): Adam without ε, direction a·atan2(m̂, b√v̂). It depends on the scale of the gradient
 * nowhere, and no element moves by more than aπ/2. Both averages are corrected for bias. a = 1.27 makes it Adam's step where
 * |m̂| = √v̂. It is not linear in m̂: s = ⟨x̂, d⟩·‖g‖²/‖x̂‖² with x̂ = m̂. State: two slots, 8 bytes per float32 parameter.
 *
 * @param options `beta1` in [0, 1), default 0.9; `beta2` in [0, 1), default 0.99; `a` > 0, default 1.27; `b` > 0, default 1
 * @throws ERR_OPTION when an option is unknown, of the wrong type or out of its range
 *
 * @example
 * ```ts
 * import { adamAtan2, inducedMetric } from '@induced-metric/core'
 *
 * inducedMetric(adamAtan2(), { learningRate: 0.001 })
 * ```
 */
export const adamAtan2 = defineBuiltIn({
  name: 'adamAtan2',
  hyperparameters: {
    beta1: rate(0.9),
    beta2: rate(0.99),
    a: { kind: 'number', default: 1.27, min: 0, above: true },
    b: { kind: 'number', default: 1, min: 0, above: true },
  },
  update({ gradient: g, step, slot, beta1, beta2, a, b }) {
    const m = ema(slot('m'), g, beta1)
    const v = ema(slot('v'), square(g), beta2)
    const unbias = sub(1, pow(beta1, step))
    // Both sides times √(1 − β₂ᵗ), which the angle does not see.
    const correction = sqrt(sub(1, pow(beta2, step)))
    return {
      direction: mul(a, atan2(mul(div(correction, unbias), m), mul(b, sqrt(v)))),
      average: div(m, unbias),
      slots: { m, v },
    }
  },
})
