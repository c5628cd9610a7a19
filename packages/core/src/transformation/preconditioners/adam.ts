import { add, div, ema, max, mul, pow, sqrt, square, sub } from '../../graph/algebra.js'
import { defineBuiltIn } from '../preconditioner.js'
import { cautiousMask } from './cautious.js'
import { epsilonAt, rate } from './ranges.js'

/**
 * Adam (Kingma and Ba, 2014), P = 1/(√r̂ + ε) with bias-corrected r̂, direction P m̂. With the transformation's
 * decoupled `weightDecay` and ξ = 0 it is AdamW; with `identity` it is the paper's RMS variant. `nesterov` takes
 * m̂ = β₁m/(1−β₁ᵗ⁺¹) + (1−β₁)g/(1−β₁ᵗ) (NAdam as optax has it; see {@link nadam} for PyTorch's). `amsgrad` replaces r
 * by the largest r so far (Reddi, Kale and Kumar, 2018, in PyTorch's form: the largest is taken before the bias correction).
 * `cautious` leaves out elements whose step would go against the gradient, see {@link cautiousMask}. State: two slots, 8 bytes per float32 parameter; with
 * `amsgrad` three, 12 bytes.
 *
 * @param options `beta1` in [0, 1), default 0.9; `beta2` in [0, 1), default 0.999; `epsilon` ≥ 0, default 1e-8;
 *   `nesterov`, `amsgrad` and `cautious`, default false
 * @throws ERR_OPTION when an option is unknown, of the wrong type or out of its range
 *
 * @example
 * ```ts
 * import { adam, inducedMetric } from '@induced-metric/core'
 *
 * inducedMetric(adam({ beta2: 0.99 }), { learningRate: 0.001, weightDecay: 0.01 })
 * ```
 */
export const adam = defineBuiltIn({
  name: 'adam',
  hyperparameters: {
    beta1: rate(0.9),
    beta2: rate(0.999),
    epsilon: epsilonAt(1e-8),
    nesterov: { kind: 'boolean', default: false },
    amsgrad: { kind: 'boolean', default: false },
    cautious: { kind: 'boolean', default: false },
  },
  update({ gradient: g, step, slot, beta1, beta2, epsilon, nesterov, amsgrad, cautious }) {
    const squared = square(g)
    const m = ema(slot('m'), g, beta1)
    const v = ema(slot('v'), squared, beta2)
    const largest = amsgrad ? max(slot('largest'), v) : v
    // √(v/c) + ε = (√v + ε√c)/√c: the correction stays a scalar, and the elementwise work is a root and a sum.
    const correction = sqrt(sub(1, pow(beta2, step)))
    const denominator = add(sqrt(largest), mul(epsilon, correction))
    const unbias = sub(1, pow(beta1, step))
    const mean = nesterov
      ? add(mul(div(beta1, sub(1, pow(beta1, add(step, 1)))), m), mul(div(sub(1, beta1), unbias), g))
      : m
    // Nesterov's weights add up to 1 only in the limit.
    const weight = nesterov
      ? add(div(mul(beta1, unbias), sub(1, pow(beta1, add(step, 1)))), div(sub(1, beta1), unbias))
      : unbias
    const mask = cautious ? cautiousMask(mean, g) : 1
    return {
      direction: mul(mask, mul(nesterov ? correction : div(correction, unbias), div(mean, denominator))),
      average: div(mean, weight),
      dual: mul(mask, mul(correction, div(squared, denominator))),
      slots: { m, v, ...(amsgrad && { largest }) },
    }
  },
})
