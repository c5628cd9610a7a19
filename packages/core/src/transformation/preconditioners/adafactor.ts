import {
  add,
  columnSums,
  div,
  dot,
  ema,
  isZero,
  max,
  min,
  mul,
  neg,
  pow,
  rowSums,
  sqrt,
  square,
  sub,
  sum,
} from '../../graph/algebra.js'
import { defineBuiltIn } from '../preconditioner.js'
import { epsilonAt, momentumRate } from './ranges.js'

/**
 * Adafactor (Shazeer and Stern, 2018): the second moment of a matrix is kept as the means of its rows and of its columns,
 * r and c, of g² + ε, and estimated as v = r cᵀ/mean(r). The direction is u = g/√v, divided by RMS(u)/`clip` where that is
 * above 1. It is multiplied by max(ε₂, RMS(θ)) with `scaleParameter`, and by min(1, 1/(η√t)) with `relativeStep`: the step is
 * then that of the paper with min(η, 1/√t) for its relative step, where η is the learning rate (0.01 in the paper). The rate
 * of the moments at step t is 1 − t^−`decay`, so that they need no bias correction. With `momentum` the direction is averaged;
 * then there is no average of gradients, and `averagedModel` and `rateFree` refuse it. A vector has a v of its own shape.
 * Kernels of more than two axes are matrices of outputs × the rest. State: of a matrix one number per row and per column; of
 * others one slot, 4 bytes per float32 parameter; with `momentum` one slot more.
 *
 * @param options `decay` > 0, default 0.8; `epsilon` ε ≥ 0, default 1e-30; `scaleEpsilon` ε₂ ≥ 0, default 1e-3; `clip` > 0,
 *   default 1; `momentum` in [0, 1), default 0; `relativeStep` and `scaleParameter`, default true; `rows` of a kernel:
 *   `'outputs'` (the first axis), `'inputs'` (all but the last) or `'auto'`, as the adapter knows it
 * @throws ERR_OPTION when an option is unknown, of the wrong type or out of its range
 *
 * @example
 * ```ts
 * import { adafactor, inducedMetric } from '@induced-metric/core'
 *
 * inducedMetric(adafactor(), { learningRate: 0.01 })
 * ```
 */
export const adafactor = defineBuiltIn({
  name: 'adafactor',
  matrix: 'optional',
  flatten: true,
  hyperparameters: {
    decay: { kind: 'number', default: 0.8, min: 0, above: true },
    epsilon: epsilonAt(1e-30),
    scaleEpsilon: { kind: 'number', default: 1e-3, min: 0 },
    clip: { kind: 'number', default: 1, min: 0, above: true },
    momentum: momentumRate(0),
    relativeStep: { kind: 'boolean', default: true },
    scaleParameter: { kind: 'boolean', default: true },
    rows: { kind: 'rows', default: 'auto' },
  },
  update(given) {
    const { gradient: g, parameter, step, size, matrix, rows, columns, slot, learningRate, momentum } = given
    const rate = sub(1, pow(step, neg(given.decay)))
    const squares = add(square(g), given.epsilon)
    const rms = (x: typeof g) => sqrt(div(dot(x, x), max(size, 1)))
    let u: typeof g
    let slots: Record<string, typeof g>
    if (matrix) {
      const rowMean = ema(slot('rowMean', { shape: 'rows' }), div(rowSums(squares), columns), rate)
      const columnMean = ema(slot('columnMean', { shape: 'columns' }), div(columnSums(squares), rows), rate)
      // The two roots apart: their product would leave the range of single precision where g is 0.
      const byRow = div(1, sqrt(mul(div(rows, sum(rowMean)), rowMean)))
      u = mul(mul(g, byRow), div(1, sqrt(columnMean)))
      slots = { rowMean, columnMean }
    } else {
      const meanSquare = ema(slot('meanSquare'), squares, rate)
      u = div(g, sqrt(meanSquare))
      slots = { meanSquare }
    }
    const clipped = div(1, max(1, div(rms(u), given.clip)))
    const scaled = given.scaleParameter ? mul(clipped, max(given.scaleEpsilon, rms(parameter))) : clipped
    const factor = given.relativeStep ? mul(scaled, min(1, div(1, mul(learningRate, sqrt(step))))) : scaled
    const direction = mul(factor, u)
    const dual = mul(g, direction)
    if (isZero(momentum)) return { direction, average: g, dual, slots }
    const m = ema(slot('momentum'), direction, momentum)
    return { direction: m, dual, slots: { ...slots, momentum: m } }
  },
})
