import {
  abs,
  add,
  div,
  ema,
  greater,
  isZero,
  max,
  min,
  mul,
  pow,
  select,
  sqrt,
  square,
  sub,
} from '../../graph/algebra.js'
import { defineBuiltIn } from '../preconditioner.js'
import { epsilonAt, positive, rate } from './ranges.js'

/**
 * Prodigy (Mishchenko and Defazio, 2023): Adam times d, an estimate of the distance from the start to the solution, in place of
 * a tuned rate. Leave the learning rate at 1, or give a schedule that falls from 1. With d of before this step and d₊ of after it,
 * m averages dg, v averages d²g², and the direction is d·(m/(√v + d₊ε) + λθ). d is the largest value so far of `coefficient`·a/b,
 * where over all parameters of a group a = √β₂a + (d/d₀)dη⟨g, θ₀ − θ⟩ and b = ‖w‖₁, w = √β₂w + (d/d₀)dηg. It is the authors'
 * code with their default of no bias correction. `weightDecay` is λ, which d scales as there; the transformation's does not know
 * d and is far too strong at a rate of 1. In the sums, η stands without ρ. s = Σ d²g²/(√v + d₊ε). m is no average of
 * gradients where d grows, so `averagedModel` and `rateFree` refuse it. State: four slots, 16 bytes per float32 parameter.
 *
 * @param options `beta1` in [0, 1), default 0.9; `beta2` in [0, 1), default 0.999; `epsilon` ≥ 0, default 1e-8;
 *   `initialDistance` d₀ > 0, default 1e-6; `coefficient` > 0, default 1; `growthRate`, the most by which d grows in a step, or 0
 *   for no limit, default 0; `weightDecay` ≥ 0, default 0; `biasCorrection` and `safeguardWarmup` (w without η and the bias
 *   correction), default false
 * @throws ERR_OPTION when an option is unknown, of the wrong type or out of its range
 *
 * @example
 * ```ts
 * import { cosine, inducedMetric, prodigy } from '@induced-metric/core'
 *
 * inducedMetric(prodigy({ weightDecay: 0.01 }), { learningRate: cosine({ from: 1, steps: 10_000 }), xi: 0 })
 * ```
 */
export const prodigy = defineBuiltIn({
  name: 'prodigy',
  hyperparameters: {
    beta1: rate(0.9),
    beta2: rate(0.999),
    epsilon: epsilonAt(1e-8),
    initialDistance: positive(1e-6),
    coefficient: positive(1),
    growthRate: { kind: 'number', default: 0, min: 0, zeroIsStructural: true },
    weightDecay: { kind: 'number', default: 0, min: 0, zeroIsStructural: true },
    biasCorrection: { kind: 'boolean', default: false },
    safeguardWarmup: { kind: 'boolean', default: false },
  },
  update(given) {
    const { gradient: g, parameter, profileStep, learningRate, slot, total, shared } = given
    const { beta1, beta2, epsilon, initialDistance, growthRate, weightDecay } = given
    const distance = shared('distance', initialDistance)
    const largest = shared('largest', initialDistance)
    const sumBefore = shared('sum')
    const bias = given.biasCorrection
      ? div(sqrt(sub(1, pow(beta2, profileStep))), sub(1, pow(beta1, profileStep)))
      : 1
    const scale = mul(distance, bias)
    const relative = div(distance, initialDistance)
    const memory = sqrt(beta2)

    const start = slot('start', { initial: 'parameter' })
    const pace = mul(scale, learningRate)
    const pull = mul(relative, given.safeguardWarmup ? distance : pace)
    const weighted = add(mul(memory, slot('weighted')), mul(pull, g))
    const length = total(abs(weighted))
    const along = mul(mul(relative, pace), total(mul(g, sub(start, parameter))))
    const sum = add(mul(memory, sumBefore), along)
    const estimate = div(mul(given.coefficient, sum), length)
    const top = max(largest, estimate)
    const from = select(greater(distance, initialDistance), distance, max(distance, estimate))
    const next = isZero(growthRate) ? top : min(top, mul(from, growthRate))
    // Without a gradient or a rate, nothing is learnt about the distance.
    const hasGradient = greater(length, 0)
    const learns = min(hasGradient, greater(learningRate, 0))
    const nextDistance = select(learns, next, distance)

    const m = ema(slot('m'), mul(distance, g), beta1)
    const v = ema(slot('v'), square(mul(distance, g)), beta2)
    const denominator = add(sqrt(v), mul(epsilon, nextDistance))
    const step = div(m, denominator)
    return {
      direction: mul(scale, isZero(weightDecay) ? step : add(step, mul(weightDecay, parameter))),
      dual: mul(mul(scale, distance), div(square(g), denominator)),
      slots: { m, v, weighted, start },
      shared: {
        distance: nextDistance,
        largest: select(learns, top, largest),
        sum: select(hasGradient, sum, sumBefore),
      },
    }
  },
})
