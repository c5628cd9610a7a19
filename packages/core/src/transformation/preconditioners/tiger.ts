import { div, dot, ema, max, mul, pow, sign, sqrt, sub } from '../../graph/algebra.js'
import { defineBuiltIn } from '../preconditioner.js'
import { rate } from './ranges.js'

/**
 * Tiger (Su, 2023): direction sign(m) with m = βm + (1−β)g, Lion with one rate. By default it is the form of PyTorch packages,
 * which is {@link signum} with another momentum. With `relative` the direction is times the root mean square of the tensor, as
 * the author has it for weights; for biases and gains he takes half the rate without that factor, for which a group serves (a
 * bias that starts at 0 would never move). It descends in the ∞-norm: with x̂ = m/(1−βᵗ), s = ⟨x̂, d⟩·‖g‖²/‖x̂‖². State: one
 * slot, 4 bytes per float32 parameter.
 *
 * @param options `beta` in [0, 1), default 0.965; `relative`, default false
 * @throws ERR_OPTION when an option is unknown, of the wrong type or out of its range
 *
 * @example
 * ```ts
 * import { inducedMetric, tiger } from '@induced-metric/core'
 *
 * inducedMetric(tiger({ relative: true }), { learningRate: 0.001, weightDecay: 0.01 })
 * ```
 */
export const tiger = defineBuiltIn({
  name: 'tiger',
  hyperparameters: { beta: rate(0.965), relative: { kind: 'boolean', default: false } },
  update({ gradient: g, parameter, step, size, slot, beta, relative }) {
    const m = ema(slot('m'), g, beta)
    const scale = relative ? sqrt(div(dot(parameter, parameter), max(size, 1))) : 1
    return { direction: mul(scale, sign(m)), average: div(m, sub(1, pow(beta, step))), slots: { m } }
  },
})
