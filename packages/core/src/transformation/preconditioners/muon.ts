import {
  add,
  div,
  dot,
  ema,
  matmul,
  max,
  mul,
  pow,
  sqrt,
  sub,
  transpose,
  type Expr,
} from '../../graph/algebra.js'
import { definePreconditioner } from '../preconditioner.js'
import { rate } from './ranges.js'

/**
 * Muon (Jordan et al., 2024): the momentum of a matrix, orthogonalised by a quintic Newton–Schulz iteration and
 * scaled by √max(1, outputs/inputs). It descends in the spectral norm: with x̂ the momentum that is orthogonalised,
 * s = ⟨x̂, direction⟩·‖g‖²/‖x̂‖², without momentum the nuclear norm of g (times that scale) up to the iteration's error.
 * Parameters that are no matrices go to the transformation's `fallback`. State: one slot.
 *
 * @param options `momentum` in [0, 1), default 0.95, an average without bias correction; `nesterov`, default true;
 *   `iterations` of Newton–Schulz, 1 to 50, default 5; `rows`: whether the rows of a matrix are its `'outputs'` (weights
 *   of shape out × in, as in PyTorch) or its `'inputs'` (kernels of shape in × out, as in TensorFlow.js), default `'auto'`:
 *   as the adapter knows it, and outputs where it says nothing
 * @throws ERR_OPTION when an option is unknown, of the wrong type or out of its range
 *
 * @example
 * ```ts
 * import { adam, inducedMetric, muon } from '@induced-metric/core'
 *
 * inducedMetric(muon(), { learningRate: 0.02, fallback: adam() })
 * ```
 */
export const muon = definePreconditioner({
  name: 'muon',
  matrix: true,
  hyperparameters: {
    momentum: rate(0.95),
    nesterov: { kind: 'boolean', default: true },
    iterations: { kind: 'integer', default: 5, min: 1, max: 50 },
    rows: { kind: 'rows', default: 'auto' },
  },
  update({ gradient: g, step, tall, outputs, inputs, slot, momentum, nesterov, iterations }) {
    const m = ema(slot('momentum'), g, momentum)
    const x = nesterov ? ema(m, g, momentum) : m
    const scale = sqrt(max(1, div(outputs, inputs)))
    return {
      direction: mul(scale, orthogonalise(x, tall, iterations)),
      average: div(x, sub(1, pow(momentum, nesterov ? add(step, 1) : step))),
      slots: { momentum: m },
    }
  },
})

/**
 * Newton–Schulz with the coefficients of Jordan's Muon: takes every singular value near 1 (about 0.7 to 1.2), on the
 * smaller of XXᵀ and XᵀX.
 */
function orthogonalise(matrix: Expr, tall: boolean, iterations: number): Expr {
  const [a, b, c] = [3.4445, -4.775, 2.0315]
  let x = div(matrix, add(sqrt(dot(matrix, matrix)), 1e-7))
  if (tall) x = transpose(x)
  for (let i = 0; i < iterations; i++) {
    const gram = matmul(x, transpose(x))
    const polynomial = add(mul(b, gram), mul(c, matmul(gram, gram)))
    x = add(mul(a, x), matmul(polynomial, x))
  }
  return tall ? transpose(x) : x
}
