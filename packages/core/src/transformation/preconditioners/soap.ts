import {
  add,
  div,
  ema,
  greater,
  identity,
  matmul,
  max,
  mul,
  neg,
  pow,
  qr,
  sqrt,
  square,
  sub,
  symmetricEigen,
  transpose,
  when,
  type Expr,
  type Extent,
} from '../../graph/algebra.js'
import { defineBuiltIn } from '../preconditioner.js'
import { epsilonAt, rate } from './ranges.js'
import { isMultiple } from './turn.js'

/** One side of a matrix: the basis at this step, the new slots, and the order of the basis at the next step. */
interface Side {
  readonly basis: Expr
  readonly order: Expr
  readonly slots: Readonly<Record<string, Expr>>
}

/**
 * SOAP (Vyas et al., 2024): Adam in the eigenvectors of Shampoo's matrices. With L and R the averages of ggᵀ and gᵀg, at the
 * rate β₂, and their eigenvectors Q and S, the direction is Q(Qᵀm̂S/(√v̂ + ε))Sᵀ, where v averages (QᵀgS)². As in the
 * authors' code the first step only finds the eigenvectors, and moves nothing; it counts in no average. Every k steps
 * (`every`) the bases turn by one step of the power method, LQ = QR, after the step, with v sorted along. ε is added before
 * the bias correction of √v. Both are computed in double precision on the host, and in single precision on WebGPU. A vector
 * has Adam, with the same first step. Kernels of more than two axes are matrices of outputs × the rest. State: two slots, 8
 * bytes per float32 parameter; of a rows × columns matrix also two squares of the rows and two of the columns.
 *
 * @param options `beta1` in [0, 1), default 0.95; `beta2` in [0, 1), default 0.95; `epsilon` ≥ 0, default 1e-8; `every` k, a
 *   whole number ≥ 1, default 10; `rows` of a kernel: `'outputs'` (the first axis), `'inputs'` (all but the last) or `'auto'`,
 *   as the adapter knows it
 * @throws ERR_OPTION when an option is unknown, of the wrong type or out of its range
 *
 * @example
 * ```ts
 * import { inducedMetric, soap } from '@induced-metric/core'
 *
 * inducedMetric(soap(), { learningRate: 0.003 })
 * ```
 */
export const soap = defineBuiltIn({
  name: 'soap',
  matrix: 'optional',
  flatten: true,
  hyperparameters: {
    beta1: rate(0.95),
    beta2: rate(0.95),
    epsilon: epsilonAt(1e-8),
    every: { kind: 'integer', default: 10, min: 1 },
    rows: { kind: 'rows', default: 'auto' },
  },
  update({ gradient: g, step, matrix, slot, beta1, beta2, epsilon, every }) {
    // 0 at the first step, which only finds the bases.
    const moves = greater(step, 1)
    const isFirst = greater(2, step)
    const count = max(sub(step, 1), 1)
    const averageOf = (before: Expr, x: Expr, beta: Expr): Expr =>
      add(mul(beta, before), mul(mul(moves, sub(1, beta)), x))
    const turns = mul(moves, isMultiple(sub(step, 1), every))
    const sideOf = (side: 'left' | 'right', extent: Extent, product: Expr): Side => {
      const shape = `${extent},${extent}` as 'rows,rows' | 'columns,columns'
      const average = ema(slot(side, { shape }), product, beta2)
      const basis = slot(`${side}Basis`, { shape, initial: 'identity' })
      const power = matmul(average, basis)
      // The eigenvectors of a diagonal matrix are those of the identity in another order: here the largest first.
      const estimates = mul(identity(extent), matmul(transpose(basis), power))
      const order = symmetricEigen(neg(estimates)).vectors
      const turned = when(turns, qr(matmul(power, order)), basis)
      const next = when(isFirst, symmetricEigen(neg(average)).vectors, turned)
      return { basis, order, slots: { [side]: average, [`${side}Basis`]: next } }
    }
    const left = matrix ? sideOf('left', 'rows', matmul(g, transpose(g))) : undefined
    const right = matrix ? sideOf('right', 'columns', matmul(transpose(g), g)) : undefined
    const into = (x: Expr): Expr =>
      left && right ? matmul(matmul(transpose(left.basis), x), right.basis) : x
    const back = (x: Expr): Expr =>
      left && right ? matmul(matmul(left.basis, x), transpose(right.basis)) : x

    const m = averageOf(slot('m'), g, beta1)
    const squared = square(into(g))
    const v = averageOf(slot('v'), squared, beta2)
    const denominator = add(sqrt(v), add(epsilon, sub(1, moves)))
    const unbias = sub(1, pow(beta1, count))
    const correction = mul(moves, sqrt(sub(1, pow(beta2, count))))
    const sorted = left && right ? when(turns, matmul(matmul(transpose(left.order), v), right.order), v) : v
    return {
      direction: mul(div(correction, unbias), back(div(into(m), denominator))),
      // At the first step nothing is averaged yet.
      average: add(mul(div(moves, unbias), m), mul(sub(1, moves), g)),
      dual: mul(correction, div(squared, denominator)),
      slots: { m, v: sorted, ...left?.slots, ...right?.slots },
    }
  },
})
