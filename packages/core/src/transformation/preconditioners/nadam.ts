import { add, div, ema, mul, pow, sqrt, square, sub, type Expr, type Operand } from '../../graph/algebra.js'
import { defineBuiltIn } from '../preconditioner.js'
import { epsilonAt, rate } from './ranges.js'

/**
 * NAdam (Dozat, 2016), Adam with Nesterov momentum on a schedule. With μₜ = β₁(1 − ½·0.96^(tψ)) and Π the product of all μ up
 * to μₜ, P = 1/(√v̂ + ε) and the direction is P((1−μₜ)g/(1−Π) + μₜ₊₁m/(1−Πμₜ₊₁)). m itself averages at the rate β₁ and is
 * not corrected; v̂ is. It is PyTorch's (since 2.0; in 1.13 the second product has a factor twice). Keras' is
 * `nadam({ momentumDecay: 1, epsilon: 1e-7 })`, and optax' is `adam({ nesterov: true })`. State: two slots, 8 bytes per
 * float32 parameter, and one number per tensor.
 *
 * @param options `beta1` in [0, 1), default 0.9; `beta2` in [0, 1), default 0.999; `epsilon` ≥ 0, default 1e-8;
 *   `momentumDecay` ψ ≥ 0, default 0.004
 * @throws ERR_OPTION when an option is unknown, of the wrong type or out of its range
 *
 * @example
 * ```ts
 * import { inducedMetric, nadam } from '@induced-metric/core'
 *
 * inducedMetric(nadam(), { learningRate: 0.002 })
 * ```
 */
export const nadam = defineBuiltIn({
  name: 'nadam',
  hyperparameters: {
    beta1: rate(0.9),
    beta2: rate(0.999),
    epsilon: epsilonAt(1e-8),
    momentumDecay: { kind: 'number', default: 0.004, min: 0 },
  },
  update({ gradient: g, step, slot, beta1, beta2, epsilon, momentumDecay }) {
    const momentumAt = (t: Operand): Expr => mul(beta1, sub(1, mul(0.5, pow(0.96, mul(t, momentumDecay)))))
    const [now, next] = [momentumAt(step), momentumAt(add(step, 1))]
    // 1 − Π, which starts from 0.
    const weight = sub(1, mul(now, sub(1, slot('weight', { shape: 'scalar' }))))
    const squared = square(g)
    const m = ema(slot('m'), g, beta1)
    const v = ema(slot('v'), squared, beta2)
    const correction = sqrt(sub(1, pow(beta2, step)))
    const denominator = add(sqrt(v), mul(epsilon, correction))
    const ofMean = div(next, sub(1, mul(sub(1, weight), next)))
    const ofGradient = div(sub(1, now), weight)
    const mean = add(mul(ofMean, m), mul(ofGradient, g))
    return {
      direction: mul(correction, div(mean, denominator)),
      average: div(mean, add(mul(ofMean, sub(1, pow(beta1, step))), ofGradient)),
      dual: mul(correction, div(squared, denominator)),
      slots: { m, v, weight },
    }
  },
})
