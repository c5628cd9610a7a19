import { add, div, sqrt, square } from '../../graph/algebra.js'
import { defineBuiltIn } from '../preconditioner.js'
import { epsilonAt } from './ranges.js'

/**
 * AdaGrad, P = 1/(√a + ε) with a the sum of all squared gradients so far (Duchi, Hazan and Singer, 2011). State: one
 * slot.
 *
 * @param options `epsilon` ≥ 0, default 1e-10; `initialAccumulator` ≥ 0, the value a starts from, default 0
 * @throws ERR_OPTION when an option is unknown, of the wrong type or out of its range
 *
 * @example
 * ```ts
 * import { adagrad, inducedMetric } from '@induced-metric/core'
 *
 * inducedMetric(adagrad({ initialAccumulator: 0.1 }), { learningRate: 0.01 })
 * ```
 */
export const adagrad = defineBuiltIn({
  name: 'adagrad',
  hyperparameters: { epsilon: epsilonAt(1e-10), initialAccumulator: { kind: 'number', default: 0, min: 0 } },
  update({ gradient: g, slot, epsilon, initialAccumulator }) {
    const squared = square(g)
    const accumulator = add(slot('accumulator', initialAccumulator), squared)
    const denominator = add(sqrt(accumulator), epsilon)
    return {
      direction: div(g, denominator),
      average: g,
      dual: div(squared, denominator),
      slots: { accumulator },
    }
  },
})
