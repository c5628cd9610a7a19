import {
  add,
  columnSums,
  div,
  dot,
  ema,
  max,
  mul,
  pow,
  rowSums,
  sqrt,
  square,
  sub,
} from '../../graph/algebra.js'
import { defineBuiltIn } from '../preconditioner.js'
import { orthogonalise } from './orthogonalise.js'
import { epsilonAt, rate } from './ranges.js'

/**
 * NorMuon (Li et al., 2025): Muon whose outputs take steps of one size. With o the orthogonalised momentum, v averages the
 * mean square of o for each output, and the direction is o/(√v + ε), brought back to the length of o and multiplied by
 * √max(1, outputs/inputs), as in the authors' code. With `matchRms` its root mean square is 0.2 instead, as in the paper.
 * Nothing is corrected for bias. Kernels of more than two axes are matrices of outputs × the rest; other parameters go to the
 * transformation's `fallback`. s is that of {@link muon}. State: one slot, 4 bytes per float32 parameter, and one number
 * per output.
 *
 * @param options `momentum` in [0, 1), default 0.95; `beta2` in [0, 1), default 0.95, the rate of v; `epsilon` ≥ 0, default
 *   1e-10; `nesterov`, default true; `iterations` of Newton–Schulz, 1 to 50, default 5; `matchRms`, default false; `flatten`:
 *   whether kernels of more than two axes are matrices, default true; `rows`, as in {@link muon}, default `'auto'`
 * @throws ERR_OPTION when an option is unknown, of the wrong type or out of its range
 *
 * @example
 * ```ts
 * import { adam, inducedMetric, normuon } from '@induced-metric/core'
 *
 * inducedMetric(normuon(), { learningRate: 0.02, fallback: adam() })
 * ```
 */
export const normuon = defineBuiltIn({
  name: 'normuon',
  matrix: true,
  hyperparameters: {
    momentum: rate(0.95),
    beta2: rate(0.95),
    epsilon: epsilonAt(1e-10),
    nesterov: { kind: 'boolean', default: true },
    iterations: { kind: 'integer', default: 5, min: 1, max: 50 },
    matchRms: { kind: 'boolean', default: false },
    flatten: { kind: 'boolean', default: true },
    rows: { kind: 'rows', default: 'auto' },
  },
  update(given) {
    const {
      gradient: g,
      step,
      size,
      tall,
      outputs,
      inputs,
      outputsAre,
      slot,
      momentum,
      beta2,
      epsilon,
    } = given
    const m = ema(slot('momentum'), g, momentum)
    const x = given.nesterov ? ema(m, g, momentum) : m
    const o = orthogonalise(x, tall, given.iterations)
    const squares = outputsAre === 'rows' ? rowSums(square(o)) : columnSums(square(o))
    const meanSquare = ema(slot('meanSquare', { shape: outputsAre }), div(squares, inputs), beta2)
    const normed = div(o, add(sqrt(meanSquare), epsilon))
    const length = sqrt(dot(normed, normed))
    const factor = given.matchRms
      ? div(mul(0.2, sqrt(size)), max(length, 1e-30))
      : div(mul(sqrt(max(1, div(outputs, inputs))), sqrt(dot(o, o))), add(length, epsilon))
    return {
      direction: mul(factor, normed),
      average: div(x, sub(1, pow(momentum, given.nesterov ? add(step, 1) : step))),
      slots: { momentum: m, meanSquare },
    }
  },
})
