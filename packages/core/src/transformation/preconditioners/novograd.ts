import { add, div, dot, ema, greater, mul, select, sqrt, square } from '../../graph/algebra.js'
import { defineBuiltIn } from '../preconditioner.js'
import { epsilonAt, rate } from './ranges.js'

/**
 * NovoGrad (Ginsburg et al., 2019): the gradient of each tensor is divided by a running norm, P = 1/(√v + ε) with
 * v = β₂v + (1−β₂)‖g‖², which starts from ‖g‖², and momentum is a heavy ball over P g: direction m = β₁m + P g. Nothing is
 * corrected for bias. The paper's weight decay, within m, is left to the transformation, which decouples it. m averages no
 * gradients, so `averagedModel` and `rateFree` refuse it. State: two slots, 8 bytes per float32 parameter; the slot of v
 * has the tensor's shape and holds one number throughout.
 *
 * @param options `beta1` in [0, 1), default 0.95; `beta2` in [0, 1), default 0.98; `epsilon` ≥ 0, default 1e-8
 * @throws ERR_OPTION when an option is unknown, of the wrong type or out of its range
 *
 * @example
 * ```ts
 * import { inducedMetric, novograd } from '@induced-metric/core'
 *
 * inducedMetric(novograd(), { learningRate: 0.01 })
 * ```
 */
export const novograd = defineBuiltIn({
  name: 'novograd',
  hyperparameters: { beta1: rate(0.95), beta2: rate(0.98), epsilon: epsilonAt(1e-8) },
  update({ gradient: g, step, slot, beta1, beta2, epsilon }) {
    const v = ema(slot('v'), dot(g, g), select(greater(step, 1), beta2, 0))
    const denominator = add(sqrt(v), epsilon)
    const m = add(mul(beta1, slot('m')), div(g, denominator))
    return { direction: m, dual: div(square(g), denominator), slots: { m, v } }
  },
})
