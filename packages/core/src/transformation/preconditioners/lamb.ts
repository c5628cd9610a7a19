import {
  add,
  div,
  dot,
  ema,
  greater,
  isZero,
  min,
  mul,
  pow,
  select,
  sqrt,
  square,
  sub,
} from '../../graph/algebra.js'
import { defineBuiltIn } from '../preconditioner.js'
import { epsilonAt, rate } from './ranges.js'

/**
 * LAMB (You et al., 2019): Adam's direction scaled per tensor, to the length of the tensor. With u = m̂/(√v̂ + ε) + λθ the
 * direction is u·‖θ‖/‖u‖, or u if either norm is 0 (as in optax). Both averages are corrected for bias, and the norms are
 * not clipped. `weightDecay` is λ, inside the norm as in the paper; that of the transformation comes on top of it and is
 * decoupled. s = Σ g²/(√v̂ + ε) · ‖θ‖/‖u‖. State: two slots, 8 bytes per float32 parameter.
 *
 * @param options `beta1` in [0, 1), default 0.9; `beta2` in [0, 1), default 0.999; `epsilon` ≥ 0, default 1e-6;
 *   `weightDecay` ≥ 0, default 0
 * @throws ERR_OPTION when an option is unknown, of the wrong type or out of its range
 *
 * @example
 * ```ts
 * import { inducedMetric, lamb } from '@induced-metric/core'
 *
 * inducedMetric(lamb({ weightDecay: 0.01 }), { learningRate: 0.001 })
 * ```
 */
export const lamb = defineBuiltIn({
  name: 'lamb',
  hyperparameters: {
    beta1: rate(0.9),
    beta2: rate(0.999),
    epsilon: epsilonAt(1e-6),
    weightDecay: { kind: 'number', default: 0, min: 0, zeroIsStructural: true },
  },
  update({ gradient: g, parameter, step, slot, beta1, beta2, epsilon, weightDecay }) {
    const squared = square(g)
    const m = ema(slot('m'), g, beta1)
    const v = ema(slot('v'), squared, beta2)
    const correction = sqrt(sub(1, pow(beta2, step)))
    const denominator = add(sqrt(v), mul(epsilon, correction))
    const unbias = sub(1, pow(beta1, step))
    const adam = mul(div(correction, unbias), div(m, denominator))
    const update = isZero(weightDecay) ? adam : add(adam, mul(weightDecay, parameter))
    const [size, length] = [sqrt(dot(parameter, parameter)), sqrt(dot(update, update))]
    const trust = select(greater(min(size, length), 0), div(size, length), 1)
    return {
      direction: mul(trust, update),
      average: div(m, unbias),
      dual: mul(mul(trust, correction), div(squared, denominator)),
      slots: { m, v },
    }
  },
})
