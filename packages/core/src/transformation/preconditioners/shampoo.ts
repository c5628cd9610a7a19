import {
  add,
  div,
  dot,
  ema,
  greater,
  identity,
  inverseRoot,
  isZero,
  matmul,
  max,
  mul,
  pow,
  select,
  sqrt,
  square,
  sub,
  transpose,
  when,
  type Expr,
  type Extent,
} from '../../graph/algebra.js'
import { defineBuiltIn } from '../preconditioner.js'
import { epsilonAt, momentumRate } from './ranges.js'
import { isMultiple } from './turn.js'

/**
 * Shampoo (Gupta, Koren and Singer, 2018): with L the sum of all ggᵀ of a matrix and R that of gᵀg, P g is (L + εI)^−¼ g (R
 * + εI)^−¼, and the direction is P m̂. The roots are taken at the first step and every k steps after it (`every`), in double
 * precision on the host, and in single precision on WebGPU. With `decay` below 1 the sums are exponential averages.
 * `momentum` is an average of gradients that is corrected for bias. `graft` gives each tensor's direction the length of
 * AdaGrad's (Anil et al., 2020). Of a vector only the diagonal is kept: P g is g/√(a + ε). Kernels of more than two axes are
 * matrices of outputs × the rest. State: of a rows × columns matrix two squares of the rows and two of the columns; of a
 * vector one slot, 4 bytes per float32 parameter; one slot more each for `momentum` and, of matrices, for `graft`.
 *
 * @param options `momentum` in [0, 1), default 0; `decay` in [0, 1], default 1, which is a sum; `epsilon` ε ≥ 0, default
 *   1e-4; `every` k, a whole number ≥ 1, default 10; `graft`, default false; `rows` of a kernel: `'outputs'` (the first
 *   axis), `'inputs'` (all but the last) or `'auto'`, as the adapter knows it
 * @throws ERR_OPTION when an option is unknown, of the wrong type or out of its range
 *
 * @example
 * ```ts
 * import { inducedMetric, shampoo } from '@induced-metric/core'
 *
 * inducedMetric(shampoo({ momentum: 0.9, graft: true }), { learningRate: 0.01 })
 * ```
 */
export const shampoo = defineBuiltIn({
  name: 'shampoo',
  matrix: 'optional',
  flatten: true,
  hyperparameters: {
    momentum: momentumRate(0),
    decay: { kind: 'number', default: 1, min: 0, max: 1 },
    epsilon: epsilonAt(1e-4),
    every: { kind: 'integer', default: 10, min: 1 },
    graft: { kind: 'boolean', default: false },
    rows: { kind: 'rows', default: 'auto' },
  },
  update({ gradient: g, step, matrix, slot, momentum, decay, epsilon, every, graft }) {
    const slots: Record<string, Expr> = {}
    const keep = (name: string, next: Expr): Expr => (slots[name] = next)
    const fresh = select(greater(1, decay), sub(1, decay), 1)
    const sumOf = (before: Expr, x: Expr): Expr => add(mul(decay, before), mul(fresh, x))
    const average = isZero(momentum)
      ? g
      : div(keep('momentum', ema(slot('momentum'), g, momentum)), sub(1, pow(momentum, step)))
    if (!matrix) {
      const accumulator = keep('accumulator', sumOf(slot('accumulator'), square(g)))
      const root = sqrt(add(accumulator, epsilon))
      return { direction: div(average, root), average, dual: div(square(g), root), slots }
    }
    const isTurn = isMultiple(sub(step, 1), every)
    const rootOf = (side: 'left' | 'right', extent: Extent, product: Expr): Expr => {
      const square = `${extent},${extent}` as 'rows,rows' | 'columns,columns'
      const total = keep(side, sumOf(slot(side, { shape: square }), product))
      const root = inverseRoot(add(total, mul(epsilon, identity(extent))), 4, 0)
      return keep(
        `${side}Root`,
        when(isTurn, root, slot(`${side}Root`, { shape: square, initial: 'identity' })),
      )
    }
    const left = rootOf('left', 'rows', matmul(g, transpose(g)))
    const right = rootOf('right', 'columns', matmul(transpose(g), g))
    const precondition = (x: Expr): Expr => matmul(matmul(left, x), right)
    const plain = precondition(average)
    const own = isZero(momentum) ? plain : precondition(g)
    if (!graft) return { direction: plain, average, dual: mul(g, own), slots }
    const accumulator = keep('accumulator', add(slot('accumulator'), square(g)))
    const wanted = div(g, max(sqrt(accumulator), 1e-30))
    const factor = div(sqrt(dot(wanted, wanted)), max(sqrt(dot(plain, plain)), 1e-30))
    return { direction: mul(factor, plain), average, dual: mul(factor, mul(g, own)), slots }
  },
})
