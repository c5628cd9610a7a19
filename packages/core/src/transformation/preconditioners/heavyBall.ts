import { add, div, isZero, mul, pow, square, sub } from '../../graph/algebra.js'
import { defineBuiltIn } from '../preconditioner.js'
import { momentumRate, rate } from './ranges.js'

/**
 * Polyak's heavy ball, P = 1, with the conventions of PyTorch's SGD: b = μb + (1−d)g, where the first buffer is g
 * itself; direction b, or g + μb with `nesterov`. State: one slot, none at momentum 0.
 *
 * @param options `momentum` μ in [0, 1), default 0.9; `dampening` d in [0, 1), default 0; `nesterov`, default false
 * @throws ERR_OPTION when an option is unknown, of the wrong type or out of its range
 *
 * @example
 * ```ts
 * import { heavyBall, inducedMetric } from '@induced-metric/core'
 *
 * inducedMetric(heavyBall({ momentum: 0.9, nesterov: true }), { learningRate: 0.01 })
 * ```
 */
export const heavyBall = defineBuiltIn({
  name: 'heavyBall',
  hyperparameters: {
    momentum: momentumRate(0.9),
    dampening: rate(0),
    nesterov: { kind: 'boolean', default: false },
  },
  update({ gradient: g, step, slot, momentum, dampening, nesterov }) {
    const dual = square(g)
    if (isZero(momentum)) return { direction: g, average: g, dual, slots: {} }
    // 0^(t−1) is 1 at the first step and 0 after it: no dampening where there is nothing to damp yet.
    const weight = sub(1, mul(dampening, sub(1, pow(0, sub(step, 1)))))
    const buffer = add(mul(momentum, slot('momentum')), mul(weight, g))
    const direction = nesterov ? add(g, mul(momentum, buffer)) : buffer
    // The weights of the buffer add up to μᵗ⁻¹ + (1−d)(1 + μ + … + μᵗ⁻²).
    const first = pow(momentum, sub(step, 1))
    const total = add(first, mul(sub(1, dampening), div(sub(1, first), sub(1, momentum))))
    const average = div(direction, nesterov ? add(1, mul(momentum, total)) : total)
    return { direction, average, dual, slots: { momentum: buffer } }
  },
})
