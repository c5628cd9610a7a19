import { div, greater, max, min, mul, select, square, sub } from '../../graph/algebra.js'
import { defineBuiltIn } from '../preconditioner.js'
import { positive } from './ranges.js'

/**
 * SGD with Polyak's step size (Polyak, 1969; Loizou et al., 2021): the step promises to take all that is left of the loss,
 * `scaling`·min(η, (loss − `floor`)/‖g‖²), over all parameters of a group together. The learning rate η is its upper limit. It
 * reads the loss at every step; a loss below `floor` gives a step of 0. It is optax' `polyak_sgd` with the variant `sps+`; the
 * c of Loizou et al. is 1/`scaling` without a limit, and they take c = ½. P = `scaling`·min(1, (loss − `floor`)/(η‖g‖²)),
 * direction P g. The embedding `log` bounds steps by the loss as well, from an average. State: none.
 *
 * @param options `floor`, a lower bound of the loss, default 0; `scaling` > 0, default 1
 * @throws ERR_OPTION when an option is unknown, of the wrong type or out of its range
 *
 * @example
 * ```ts
 * import { inducedMetric, polyak } from '@induced-metric/core'
 *
 * inducedMetric(polyak(), { learningRate: 1, xi: 0 })
 * ```
 */
export const polyak = defineBuiltIn({
  name: 'polyak',
  hyperparameters: { floor: { kind: 'number', default: 0 }, scaling: positive(1) },
  update({ gradient: g, learningRate, loss, total, floor, scaling }) {
    const left = max(sub(loss, floor), 0)
    const share = div(left, mul(learningRate, total(square(g))))
    // 0/0 without a rate or a gradient.
    const scale = mul(scaling, select(greater(left, 0), min(1, share), 0))
    return { direction: mul(scale, g), average: g, dual: mul(scale, square(g)), slots: {} }
  },
})
