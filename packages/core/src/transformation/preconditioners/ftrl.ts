import {
  add,
  div,
  greater,
  isZero,
  max,
  min,
  mul,
  neg,
  select,
  sqrt,
  square,
  sub,
} from '../../graph/algebra.js'
import { defineBuiltIn } from '../preconditioner.js'

/**
 * FTRL-Proximal (McMahan et al., 2013), for sparse linear models: the parameter follows from two sums, and is exactly 0 where
 * |z| ≤ `l1`. With n = n + g², z = z + ρ(g + 2σθ) − (√n − √n₋₁)θ/η, the parameter is (clip(z, ±l1) − z)/(√n/η + β/η + 2·l2),
 * σ being `l2Shrinkage`. It is the form of Keras and TensorFlow at the power −½: `l2` counts twice, z starts from 0, so the first
 * step forgets a part of what the parameter starts from. ρ scales what a gradient adds to z; without penalties a step is then
 * AdaGrad's −ηρg/√n. P = 1/(√n + β + 2η·l2). The parameter is computed from sums: `averagedModel` and `rateFree` refuse it,
 * and the transformation's `weightDecay` lasts only until the next step, so use `l2`. At a learning rate of 0 nothing changes.
 * State: two slots, 8 bytes per float32 parameter.
 *
 * @param options all ≥ 0: `l1`, `l2`, `l2Shrinkage` and `beta`, default 0; `initialAccumulator`, what n starts from, > 0,
 *   default 0.1
 * @throws ERR_OPTION when an option is unknown, of the wrong type or out of its range
 *
 * @example
 * ```ts
 * import { ftrl, inducedMetric } from '@induced-metric/core'
 *
 * inducedMetric(ftrl({ l1: 0.001 }), { learningRate: 0.1 })
 * ```
 */
export const ftrl = defineBuiltIn({
  name: 'ftrl',
  hyperparameters: {
    l1: { kind: 'number', default: 0, min: 0 },
    l2: { kind: 'number', default: 0, min: 0 },
    l2Shrinkage: { kind: 'number', default: 0, min: 0, zeroIsStructural: true },
    beta: { kind: 'number', default: 0, min: 0 },
    initialAccumulator: { kind: 'number', default: 0.1, min: 0, above: true },
  },
  update({
    gradient: g,
    parameter,
    learningRate,
    scale,
    slot,
    l1,
    l2,
    l2Shrinkage,
    beta,
    initialAccumulator,
  }) {
    // 1, or 0 where nothing changes.
    const moves = greater(learningRate, 0)
    const [before, sumBefore] = [slot('n', initialAccumulator), slot('z')]
    const n = add(before, mul(moves, square(g)))
    const root = sqrt(n)
    const pushed = isZero(l2Shrinkage) ? g : add(g, mul(mul(2, l2Shrinkage), parameter))
    const pull = div(sub(root, sqrt(before)), select(moves, learningRate, 1))
    const z = sub(add(sumBefore, mul(mul(moves, scale), pushed)), mul(parameter, pull))
    // The denominator times η.
    const denominator = add(root, add(beta, mul(mul(2, learningRate), l2)))
    const left = sub(min(max(z, neg(l1)), l1), z)
    return {
      direction: div(g, denominator),
      dual: div(square(g), denominator),
      parameter: select(moves, mul(learningRate, div(left, denominator)), parameter),
      slots: { n, z },
    }
  },
})
