import { add, div, max, mul, neg, pow, square, sub, type Expr, type Operand } from '../../graph/algebra.js'
import { defineBuiltIn } from '../preconditioner.js'

/**
 * Averaged SGD (Polyak and Juditsky, 1992) in PyTorch's form: SGD with the decay λ, at a rate that falls, and an average of
 * the weights to evaluate with (`withEvaluationWeights`). P = 1/(1 + λη(t−1))^α, direction P(g + λθ). The average takes every
 * step with equal weight from step `averageFrom` + 2 on; before, and by PyTorch's default of a million steps, it is the
 * latest weights. λ is inside the direction; the transformation's `weightDecay` comes on top, decoupled (in PyTorch it is added
 * to the gradient). `averageWeights` cannot be given beside it. State: one slot, 4 bytes per float32 parameter; it holds the
 * average of before the latest step.
 *
 * @param options `decay` λ ≥ 0, default 1e-4; `power` α ≥ 0, default 0.75; `averageFrom` ≥ 0, default 1e6
 * @throws ERR_OPTION when an option is unknown, of the wrong type or out of its range
 *
 * @example
 * ```ts
 * import { asgd, inducedMetric } from '@induced-metric/core'
 *
 * inducedMetric(asgd({ averageFrom: 1000 }), { learningRate: 0.01 })
 * ```
 */
export const asgd = defineBuiltIn({
  name: 'asgd',
  hyperparameters: {
    decay: { kind: 'number', default: 1e-4, min: 0 },
    power: { kind: 'number', default: 0.75, min: 0 },
    averageFrom: { kind: 'number', default: 1e6, min: 0 },
  },
  update({ gradient: g, parameter, step, learningRate, slot, decay, power, averageFrom }) {
    const fall = pow(add(1, mul(mul(decay, learningRate), sub(step, 1))), neg(power))
    const average = slot('average')
    // The average with the weights after a number of steps. This step's weights are not known here, decay included.
    const upTo = (t: Operand): Expr =>
      add(average, mul(div(1, max(1, sub(sub(t, 1), averageFrom))), sub(parameter, average)))
    return {
      direction: mul(fall, add(g, mul(decay, parameter))),
      average: g,
      dual: mul(fall, square(g)),
      evaluation: upTo(step),
      slots: { average: upTo(sub(step, 1)) },
    }
  },
})
