import { add, div, ema, isZero, max, mul, sqrt, square, sub } from '../../graph/algebra.js'
import { defineBuiltIn } from '../preconditioner.js'
import { epsilonAt, momentumRate, rate } from './ranges.js'

/**
 * RMSprop, P = 1/(√r + ε) with r = αr + (1−α)g², as PyTorch has it: ε outside the root, no bias correction;
 * `centered` takes the variance r − a² with a = αa + (1−α)g; momentum is a heavy ball over P g. State: one slot, one
 * more each for `centered` and momentum.
 *
 * @param options `decay` α in [0, 1), default 0.99; `epsilon` ≥ 0, default 1e-8; `centered`, default false;
 *   `momentum` in [0, 1), default 0
 * @throws ERR_OPTION when an option is unknown, of the wrong type or out of its range
 *
 * @example
 * ```ts
 * import { inducedMetric, rmsprop } from '@induced-metric/core'
 *
 * inducedMetric(rmsprop({ decay: 0.9 }), { learningRate: 0.001 })
 * ```
 */
export const rmsprop = defineBuiltIn({
  name: 'rmsprop',
  hyperparameters: {
    decay: rate(0.99),
    epsilon: epsilonAt(1e-8),
    centered: { kind: 'boolean', default: false },
    momentum: momentumRate(0),
  },
  update({ gradient: g, slot, decay, epsilon, centered, momentum }) {
    const squared = square(g)
    const meanSquare = ema(slot('meanSquare'), squared, decay)
    const mean = centered ? ema(slot('mean'), g, decay) : undefined
    // Rounding can take the variance below 0.
    const variance = mean ? max(sub(meanSquare, square(mean)), 0) : meanSquare
    const denominator = add(sqrt(variance), epsilon)
    const step = div(g, denominator)
    const buffer = isZero(momentum) ? undefined : add(mul(momentum, slot('momentum')), step)
    return {
      direction: buffer ?? step,
      // A heavy ball over P g is no P of an average of g.
      ...(!buffer && { average: g }),
      dual: div(squared, denominator),
      slots: { meanSquare, ...(mean && { mean }), ...(buffer && { momentum: buffer }) },
    }
  },
})
