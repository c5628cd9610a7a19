import { add, div, ema, mul, pow, sign, sqrt, square, sub } from '../../graph/algebra.js'
import { defineBuiltIn } from '../preconditioner.js'
import { epsilonAt, rate } from './ranges.js'

/**
 * Yogi (Zaheer et al., 2018): Adam whose second moment moves towards g² by a step of size (1−β₂)g²,
 * v ← v − (1−β₂)·sign(v − g²)·g². P = 1/(√v̂ + ε), direction P m̂. Both averages are corrected for bias, as in optax (in the
 * paper neither is); m starts from 0, v from `initialAccumulator` (in optax both start from it). State: two slots, 8 bytes
 * per float32 parameter.
 *
 * @param options `beta1` in [0, 1), default 0.9; `beta2` in [0, 1), default 0.999; `epsilon` ≥ 0, default 1e-3;
 *   `initialAccumulator` ≥ 0, default 1e-6
 * @throws ERR_OPTION when an option is unknown, of the wrong type or out of its range
 *
 * @example
 * ```ts
 * import { inducedMetric, yogi } from '@induced-metric/core'
 *
 * inducedMetric(yogi(), { learningRate: 0.01 })
 * ```
 */
export const yogi = defineBuiltIn({
  name: 'yogi',
  hyperparameters: {
    beta1: rate(0.9),
    beta2: rate(0.999),
    epsilon: epsilonAt(1e-3),
    initialAccumulator: { kind: 'number', default: 1e-6, min: 0 },
  },
  update({ gradient: g, step, slot, beta1, beta2, epsilon, initialAccumulator }) {
    const squared = square(g)
    const m = ema(slot('m'), g, beta1)
    const before = slot('v', initialAccumulator)
    const v = sub(before, mul(sub(1, beta2), mul(sign(sub(before, squared)), squared)))
    const correction = sqrt(sub(1, pow(beta2, step)))
    const denominator = add(sqrt(v), mul(epsilon, correction))
    const unbias = sub(1, pow(beta1, step))
    return {
      direction: mul(div(correction, unbias), div(m, denominator)),
      average: div(m, unbias),
      dual: mul(correction, div(squared, denominator)),
      slots: { m, v },
    }
  },
})
