import { div, ema, isZero, pow, sign, sub } from '../../graph/algebra.js'
import { defineBuiltIn } from '../preconditioner.js'
import { momentumRate } from './ranges.js'

/**
 * Signum (Bernstein et al., 2018): direction sign(m) with m = μm + (1−μ)g; without momentum it is signSGD. It descends in
 * the ∞-norm: with x̂ = m/(1−μᵗ), s = ‖x̂‖₁·‖g‖²/‖x̂‖². State: one slot, 4 bytes per float32 parameter; none at momentum 0.
 *
 * @param options `momentum` μ in [0, 1), default 0.9
 * @throws ERR_OPTION when an option is unknown, of the wrong type or out of its range
 *
 * @example
 * ```ts
 * import { inducedMetric, signum } from '@induced-metric/core'
 *
 * inducedMetric(signum(), { learningRate: 1e-4 })
 * ```
 */
export const signum = defineBuiltIn({
  name: 'signum',
  hyperparameters: { momentum: momentumRate(0.9) },
  update({ gradient: g, step, slot, momentum }) {
    if (isZero(momentum)) return { direction: sign(g), average: g, slots: {} }
    const m = ema(slot('momentum'), g, momentum)
    return { direction: sign(m), average: div(m, sub(1, pow(momentum, step))), slots: { momentum: m } }
  },
})
