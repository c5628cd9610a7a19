import { add, div, ema, greater, max, min, mul, pow, select, square, sub } from '../../graph/algebra.js'
import { defineBuiltIn } from '../preconditioner.js'
import { rate } from './ranges.js'

/**
 * MoMo (Schaipp et al., 2023): momentum with a Polyak step. m, f and c average g, the loss and ⟨g, θ⟩ at the rate β, the last
 * two over all parameters of a group; then f + ⟨m, θ⟩ − c is an average of models of the loss, and the step size is
 * min(η/b, (f + ⟨m, θ⟩ − c − b·`floor`)/‖m‖²), at least 0. The learning rate η is its upper limit. b is 1, and the averages start
 * from the first values; with `biasCorrection` they start from 0, and b = 1 − βᵗ. It reads the loss at every step. It is the
 * authors' code without their estimate of the lower bound and without its weight decay: the transformation's is decoupled. With τ
 * the step size, P = bτ/η and the direction is P x̂, x̂ = m/b. State: one slot, 4 bytes per float32 parameter.
 *
 * @param options `beta` in [0, 1), default 0.9; `floor`, a lower bound of the loss, default 0; `biasCorrection`, default
 *   false
 * @throws ERR_OPTION when an option is unknown, of the wrong type or out of its range
 *
 * @example
 * ```ts
 * import { inducedMetric, momo } from '@induced-metric/core'
 *
 * inducedMetric(momo(), { learningRate: 1, xi: 0 })
 * ```
 */
export const momo = defineBuiltIn({
  name: 'momo',
  hyperparameters: {
    beta: rate(0.9),
    floor: { kind: 'number', default: 0 },
    biasCorrection: { kind: 'boolean', default: false },
  },
  update({ gradient: g, parameter, step, profileStep, learningRate, loss, slot, total, shared, ...options }) {
    const { beta, floor, biasCorrection } = options
    // The first value counts in full, unless averages are corrected for bias.
    const first = (t: typeof step): typeof beta => (biasCorrection ? beta : select(greater(t, 1), beta, 0))
    const [height, products] = [shared('height'), shared('products')]
    const m = ema(slot('m'), g, first(step))
    const nextHeight = ema(height, loss, first(profileStep))
    const nextProducts = ema(products, total(mul(g, parameter)), first(profileStep))
    const bias = biasCorrection ? sub(1, pow(beta, profileStep)) : 1
    const model = sub(add(nextHeight, total(mul(m, parameter))), nextProducts)
    const left = max(sub(model, mul(bias, floor)), 0)
    const share = div(left, mul(learningRate, total(square(m))))
    // 0/0 without a rate or a gradient.
    const scale = select(greater(left, 0), min(div(1, bias), share), 0)
    const unbias = biasCorrection ? sub(1, pow(beta, step)) : 1
    return {
      direction: mul(scale, m),
      average: div(m, unbias),
      dual: mul(mul(scale, unbias), square(g)),
      slots: { m },
      shared: { height: nextHeight, products: nextProducts },
    }
  },
})
