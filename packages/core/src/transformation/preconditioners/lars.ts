import { add, div, dot, greater, isZero, min, mul, select, sqrt, square } from '../../graph/algebra.js'
import { defineBuiltIn } from '../preconditioner.js'
import { momentumRate } from './ranges.js'

/**
 * LARS (You, Gitman and Ginsburg, 2017): a heavy ball over gradients that are scaled per tensor, to a share of the tensor's
 * length. With u = g + λθ, b = μb + κ·u·‖θ‖/‖u‖, or with u itself where either norm is 0 (as in optax); direction b, or
 * κ·u·‖θ‖/‖u‖ + μb with `nesterov`. As in optax, the ratio is taken of every tensor; the paper leaves out biases, for which a
 * group with another base serves. The learning rate multiplies the buffer; in the paper and in optax it is inside of it, which
 * is the same at a constant rate. `weightDecay` is λ, inside the norm; that of the transformation comes on top, decoupled.
 * s = κ‖g‖²·‖θ‖/‖u‖. With momentum, b averages no gradients, and `averagedModel` and `rateFree` refuse it. State: one slot,
 * 4 bytes per float32 parameter, none at momentum 0.
 *
 * @param options `momentum` μ in [0, 1), default 0.9; `trustCoefficient` κ > 0, default 0.001; `weightDecay` ≥ 0, default 0;
 *   `nesterov`, default false
 * @throws ERR_OPTION when an option is unknown, of the wrong type or out of its range
 *
 * @example
 * ```ts
 * import { inducedMetric, lars } from '@induced-metric/core'
 *
 * inducedMetric(lars({ weightDecay: 1e-4 }), { learningRate: 4 })
 * ```
 */
export const lars = defineBuiltIn({
  name: 'lars',
  hyperparameters: {
    momentum: momentumRate(0.9),
    trustCoefficient: { kind: 'number', default: 0.001, min: 0, above: true },
    weightDecay: { kind: 'number', default: 0, min: 0, zeroIsStructural: true },
    nesterov: { kind: 'boolean', default: false },
  },
  update({ gradient: g, parameter, slot, momentum, trustCoefficient, weightDecay, nesterov }) {
    const update = isZero(weightDecay) ? g : add(g, mul(weightDecay, parameter))
    const [size, length] = [sqrt(dot(parameter, parameter)), sqrt(dot(update, update))]
    const ratio = select(greater(min(size, length), 0), div(mul(trustCoefficient, size), length), 1)
    const scaled = mul(ratio, update)
    const dual = mul(ratio, square(g))
    if (isZero(momentum)) return { direction: scaled, average: g, dual, slots: {} }
    const buffer = add(mul(momentum, slot('momentum')), scaled)
    return {
      direction: nesterov ? add(scaled, mul(momentum, buffer)) : buffer,
      dual,
      slots: { momentum: buffer },
    }
  },
})
