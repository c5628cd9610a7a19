import {
  add,
  columnMax,
  div,
  ema,
  greater,
  isZero,
  min,
  mul,
  rowMax,
  select,
  sqrt,
  square,
  sub,
} from '../../graph/algebra.js'
import { defineBuiltIn } from '../preconditioner.js'
import { epsilonAt, momentumRate } from './ranges.js'

/**
 * SM3 (Anil et al., 2019), the paper's second form: AdaGrad whose sums are kept for a whole row and a whole column of a
 * matrix. An element's v is g² plus the smaller number of its row and its column; the new number of a row or column is the
 * largest v in it. The direction is the average of g/√(v + ε) with the rate `momentum`, as in optax; it averages no
 * gradients, so `averagedModel` and `rateFree` take it only at momentum 0. With `decay` below 1 the sums are exponential
 * averages. A vector has a v of its own shape, and is AdaGrad. Kernels of more than two axes are matrices of outputs × the
 * rest; in the paper each axis has numbers of its own. State: one slot for momentum, 4 bytes per float32 parameter; of a
 * matrix one number more per row and per column, of others one slot more.
 *
 * @param options `momentum` in [0, 1), default 0.9; `decay` in [0, 1], default 1, which is a sum; `epsilon` ≥ 0, default
 *   1e-8; `rows` of a kernel: `'outputs'` (the first axis), `'inputs'` (all but the last) or `'auto'`, as the adapter knows it
 * @throws ERR_OPTION when an option is unknown, of the wrong type or out of its range
 *
 * @example
 * ```ts
 * import { inducedMetric, sm3 } from '@induced-metric/core'
 *
 * inducedMetric(sm3(), { learningRate: 0.1 })
 * ```
 */
export const sm3 = defineBuiltIn({
  name: 'sm3',
  matrix: 'optional',
  flatten: true,
  hyperparameters: {
    momentum: momentumRate(0.9),
    decay: { kind: 'number', default: 1, min: 0, max: 1 },
    epsilon: epsilonAt(1e-8),
    rows: { kind: 'rows', default: 'auto' },
  },
  update({ gradient: g, matrix, slot, momentum, decay, epsilon }) {
    const before = matrix
      ? min(slot('rowLargest', { shape: 'rows' }), slot('columnLargest', { shape: 'columns' }))
      : slot('accumulator')
    const fresh = select(greater(1, decay), sub(1, decay), 1)
    const v = add(mul(decay, before), mul(fresh, square(g)))
    const slots = matrix ? { rowLargest: rowMax(v), columnLargest: columnMax(v) } : { accumulator: v }
    const direction = div(g, sqrt(add(v, epsilon)))
    const dual = mul(g, direction)
    if (isZero(momentum)) return { direction, average: g, dual, slots: { ...slots } }
    const m = ema(slot('momentum'), direction, momentum)
    return { direction: m, dual, slots: { ...slots, momentum: m } }
  },
})
