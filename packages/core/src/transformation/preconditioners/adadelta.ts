import { add, div, ema, mul, sqrt, square } from '../../graph/algebra.js'
import { defineBuiltIn } from '../preconditioner.js'
import { epsilonAt, rate } from './ranges.js'

/**
 * Adadelta (Zeiler, 2012), P = √(a + ε)/√(v + ε) with v = ρv + (1−ρ)g² and a the average, at the same rate, of the squares
 * of earlier directions P g; a does not include the current one. ε is inside both roots and nothing is corrected for bias,
 * as in PyTorch. The paper's learning rate is 1. State: two slots, 8 bytes per float32 parameter.
 *
 * @param options `decay` ρ in [0, 1), default 0.9; `epsilon` ≥ 0, default 1e-6; with 0 it never starts
 * @throws ERR_OPTION when an option is unknown, of the wrong type or out of its range
 *
 * @example
 * ```ts
 * import { adadelta, inducedMetric } from '@induced-metric/core'
 *
 * inducedMetric(adadelta(), { learningRate: 1 })
 * ```
 */
export const adadelta = defineBuiltIn({
  name: 'adadelta',
  hyperparameters: { decay: rate(0.9), epsilon: epsilonAt(1e-6) },
  update({ gradient: g, slot, decay, epsilon }) {
    const squares = slot('squaredDirection')
    const meanSquare = ema(slot('meanSquare'), square(g), decay)
    const direction = mul(sqrt(div(add(squares, epsilon), add(meanSquare, epsilon))), g)
    return {
      direction,
      average: g,
      dual: mul(g, direction),
      slots: { meanSquare, squaredDirection: ema(squares, square(direction), decay) },
    }
  },
})
