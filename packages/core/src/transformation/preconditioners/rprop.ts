import { add, max, min, mul, neg, sign, sub } from '../../graph/algebra.js'
import { defineBuiltIn } from '../preconditioner.js'

const growth = { kind: 'number', min: 0, above: true } as const

/**
 * Rprop (Riedmiller and Braun, 1993), as PyTorch has it: every element has a step length δ of its own, and the direction
 * is sign(g)·δ. Where g has the same sign as before, δ ← min(δ·`increase`, `maxStep`). Where it has the opposite sign,
 * δ ← max(δ·`decrease`, `minStep`), the element rests for this step, and δ does not change at the next one. The learning
 * rate multiplies δ: at 0.01, PyTorch's default, the limits below are PyTorch's 1e-6 and 50. It is for gradients of all
 * examples at once. s = Σ|g|δ over the elements that move. State: two slots, 8 bytes per float32 parameter.
 *
 * @param options all > 0: `increase`, default 1.2; `decrease`, default 0.5; `initialStep`, default 1; `minStep`, default
 *   1e-4; `maxStep`, default 5000
 * @throws ERR_OPTION when an option is unknown, of the wrong type or out of its range
 *
 * @example
 * ```ts
 * import { inducedMetric, rprop } from '@induced-metric/core'
 *
 * inducedMetric(rprop(), { learningRate: 0.01 })
 * ```
 */
export const rprop = defineBuiltIn({
  name: 'rprop',
  hyperparameters: {
    increase: { ...growth, default: 1.2 },
    decrease: { ...growth, default: 0.5 },
    initialStep: { ...growth, default: 1 },
    minStep: { ...growth, default: 1e-4 },
    maxStep: { ...growth, default: 5000 },
  },
  update({ gradient: g, slot, increase, decrease, initialStep, minStep, maxStep }) {
    const current = sign(g)
    // 1, −1 or, at the first step and after a rest, 0.
    const agreement = mul(current, slot('sign'))
    const turned = max(neg(agreement), 0)
    const factor = add(add(1, mul(sub(increase, 1), max(agreement, 0))), mul(sub(decrease, 1), turned))
    const length = min(max(mul(slot('length', initialStep), factor), minStep), maxStep)
    const moving = mul(current, sub(1, turned))
    return { direction: mul(moving, length), average: g, slots: { sign: moving, length } }
  },
})
