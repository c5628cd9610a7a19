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
 * D-Adapt Adam (Defazio and Mishchenko, 2023): Adam times d, a lower bound of the distance from the start to the solution that
 * only grows, in place of a tuned rate. Leave the learning rate at 1, or give a schedule that falls from 1. With d of before
 * this step, m averages dg, v averages g², and the direction is m/(√v + ε) + λdθ. Over all parameters of a group,
 * a = √β₂a + (1−√β₂)dη⟨g, w/(√v₋₁ + ε)⟩ and d = max(d, a/((1−√β₂)‖w‖₁)), w being the average of dηg at the rate √β₂. It is the
 * authors' code with their default of no bias correction, but for η, which is within m there and outside of it here: that is the
 * same at a constant rate. `weightDecay` is λ, which d scales as there; the transformation's does not know d and is far too
 * strong at a rate of 1. In the sums, η stands without ρ. s = Σ dg²/(√v + ε). m is no average of gradients where d grows, so
 * `averagedModel` and `rateFree` refuse it. State: three slots, 12 bytes per float32 parameter.
 *
 * @param options `beta1` in [0, 1), default 0.9; `beta2` in [0, 1), default 0.999; `epsilon` ≥ 0, default 1e-8;
 *   `initialDistance` > 0, what d starts from, default 1e-6; `growthRate`, the most by which d grows in a step, or 0 for no limit,
 *   default 0; `weightDecay` ≥ 0, default 0; `biasCorrection`, default false
 * @throws ERR_OPTION when an option is unknown, of the wrong type or out of its range
 *
 * @example
 * ```ts
 * import { dadaptation, inducedMetric } from '@induced-metric/core'
 *
 * inducedMetric(dadaptation(), { learningRate: 1, xi: 0 })
 * ```
 */
export const dadaptation = defineBuiltIn({
  name: 'dadaptation',
  hyperparameters: {
    beta1: rate(0.9),
    beta2: rate(0.999),
    epsilon: epsilonAt(1e-8),
    initialDistance: positive(1e-6),
    growthRate: { kind: 'number', default: 0, min: 0, zeroIsStructural: true },
    weightDecay: { kind: 'number', default: 0, min: 0, zeroIsStructural: true },
    biasCorrection: { kind: 'boolean', default: false },
  },
  update(given) {
    const { gradient: g, parameter, profileStep, learningRate, slot, total, shared } = given
    const { beta1, beta2, epsilon, growthRate, weightDecay } = given
    const distance = shared('distance', given.initialDistance)
    const sumBefore = shared('sum')
    const bias = given.biasCorrection
      ? div(sqrt(sub(1, pow(beta2, profileStep))), sub(1, pow(beta1, profileStep)))
      : 1
    const scale = mul(distance, bias)
    const pace = mul(scale, learningRate)
    const memory = sqrt(beta2)

    const [weightedBefore, squaresBefore] = [slot('weighted'), slot('v')]
    const weighted = ema(weightedBefore, mul(pace, g), memory)
    const length = total(abs(weighted))
    const along = mul(pace, total(mul(g, div(weightedBefore, add(sqrt(squaresBefore), epsilon)))))
    const sum = ema(sumBefore, along, memory)
    const estimate = div(sum, mul(sub(1, memory), length))
    const limited = isZero(growthRate) ? estimate : min(estimate, mul(distance, growthRate))
    // Without a gradient or a rate, nothing is learnt about the distance.
    const hasGradient = greater(length, 0)
    const learns = min(hasGradient, greater(learningRate, 0))

    const m = ema(slot('m'), mul(scale, g), beta1)
    const v = ema(squaresBefore, square(g), beta2)
    const denominator = add(sqrt(v), epsilon)
    const step = div(m, denominator)
    return {
      direction: isZero(weightDecay) ? step : add(step, mul(mul(scale, weightDecay), parameter)),
      dual: mul(scale, div(square(g), denominator)),
      slots: { m, v, weighted },
      shared: {
        distance: select(learns, max(distance, limited), distance),
        sum: select(hasGradient, sum, sumBefore),
      },
    }
  },
})
