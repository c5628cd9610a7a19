import {
  add,
  div,
  greater,
  isZero,
  mul,
  pow,
  select,
  sqrt,
  square,
  sub,
  type Expr,
} from '../../graph/algebra.js'
import { defineBuiltIn } from '../preconditioner.js'
import { momentumRate } from './ranges.js'

/**
 * MADGRAD (Defazio and Jelassi, 2021), dual averaging from the start θ₀ with a cube root. With λ = (η + ε)√t the sums are
 * ν = ν + λg² and s = s + ρλg, z = θ₀ − s/(∛ν + ε), and the parameter is μθ + (1−μ)z. As in the authors' code, ε is added to the
 * rate as well, unless that is 0. ρ scales what a gradient adds to s, but not to ν, on which P depends. P = (1−μ)√t/(∛ν + ε)
 * is the share of this gradient in the step. The parameter is computed from sums, so `averagedModel` and `rateFree` refuse it.
 * At momentum 0, θ₀ follows from the parameter. State: three slots, 12 bytes per float32 parameter; 8 at momentum 0.
 *
 * @param options `momentum` μ in [0, 1), default 0.9; `epsilon` > 0, default 1e-6
 * @throws ERR_OPTION when an option is unknown, of the wrong type or out of its range
 *
 * @example
 * ```ts
 * import { inducedMetric, madgrad } from '@induced-metric/core'
 *
 * inducedMetric(madgrad(), { learningRate: 0.01 })
 * ```
 */
export const madgrad = defineBuiltIn({
  name: 'madgrad',
  hyperparameters: {
    momentum: momentumRate(0.9),
    epsilon: { kind: 'number', default: 1e-6, min: 0, above: true, isEpsilon: true },
  },
  update({ gradient: g, parameter, step, learningRate, scale, slot, momentum, epsilon }) {
    const weight = mul(select(greater(learningRate, 0), add(learningRate, epsilon), 0), sqrt(step))
    const rootOf = (x: Expr): Expr => add(pow(x, 1 / 3), epsilon)
    const [before, sumBefore] = [slot('squares'), slot('sum')]
    const squares = add(before, mul(weight, square(g)))
    const sum = add(sumBefore, mul(mul(scale, weight), g))
    const root = rootOf(squares)
    const share = mul(sub(1, momentum), sqrt(step))
    const start = isZero(momentum)
      ? add(parameter, div(sumBefore, rootOf(before)))
      : slot('start', { initial: 'parameter' })
    const end = sub(start, div(sum, root))
    return {
      direction: mul(share, div(g, root)),
      dual: mul(share, div(square(g), root)),
      parameter: isZero(momentum) ? end : add(mul(momentum, parameter), mul(sub(1, momentum), end)),
      slots: { squares, sum, ...(!isZero(momentum) && { start }) },
    }
  },
})
