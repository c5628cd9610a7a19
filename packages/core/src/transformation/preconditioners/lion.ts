import { div, ema, mul, pow, sign, sub } from '../../graph/algebra.js'
import { defineBuiltIn } from '../preconditioner.js'
import { cautiousMask } from './cautious.js'
import { rate } from './ranges.js'

/**
 * Lion (Chen et al., 2023): direction sign(β₁m + (1−β₁)g), then m = β₂m + (1−β₂)g. It descends in the ∞-norm: with
 * x̂ the average in the sign, s = ‖x̂‖₁·‖g‖²/‖x̂‖². `cautious` leaves out elements whose step would go against the gradient,
 * see {@link cautiousMask}. State: one slot, 4 bytes per float32 parameter.
 *
 * @param options `beta1` in [0, 1), default 0.9; `beta2` in [0, 1), default 0.99; `cautious`, default false
 * @throws ERR_OPTION when an option is unknown, of the wrong type or out of its range
 *
 * @example
 * ```ts
 * import { inducedMetric, lion } from '@induced-metric/core'
 *
 * inducedMetric(lion(), { learningRate: 1e-4, weightDecay: 0.1 })
 * ```
 */
export const lion = defineBuiltIn({
  name: 'lion',
  hyperparameters: { beta1: rate(0.9), beta2: rate(0.99), cautious: { kind: 'boolean', default: false } },
  update({ gradient: g, step, slot, beta1, beta2, cautious }) {
    const m = slot('m')
    const x = ema(m, g, beta1)
    // m lacks β₂ᵗ⁻¹ of its weight.
    const average = div(x, sub(1, mul(beta1, pow(beta2, sub(step, 1)))))
    const direction = cautious ? mul(cautiousMask(x, g), sign(x)) : sign(x)
    return { direction, average, slots: { m: ema(m, g, beta2) } }
  },
})
