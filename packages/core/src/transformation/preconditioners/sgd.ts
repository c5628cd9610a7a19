import { div, ema, isZero, pow, square, sub } from '../../graph/algebra.js'
import { defineBuiltIn } from '../preconditioner.js'
import { momentumRate } from './ranges.js'

/**
 * Stochastic gradient descent, P = 1, whose momentum is an exponential average with bias correction:
 * m = μm + (1−μ)g, direction m/(1−μᵗ). With `identity` or `log` it is the paper's plain optimiser
 * (arXiv:2509.03594). State: one slot, none at momentum 0. For the momentum of most frameworks, which is not
 * normalised, see {@link heavyBall}.
 *
 * @param options `momentum` μ in [0, 1), default 0
 * @throws ERR_OPTION when an option is unknown, of the wrong type or out of its range
 *
 * @example
 * ```ts
 * import { inducedMetric, sgd } from '@induced-metric/core'
 *
 * inducedMetric(sgd({ momentum: 0.9 }), { learningRate: 0.1 })
 * ```
 */
export const sgd = defineBuiltIn({
  name: 'sgd',
  hyperparameters: { momentum: momentumRate(0) },
  update({ gradient: g, step, slot, momentum }) {
    const dual = square(g)
    if (isZero(momentum)) return { direction: g, average: g, dual, slots: {} }
    const m = ema(slot('momentum'), g, momentum)
    const average = div(m, sub(1, pow(momentum, step)))
    return { direction: average, average, dual, slots: { momentum: m } }
  },
})
