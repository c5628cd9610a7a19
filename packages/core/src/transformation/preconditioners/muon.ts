import { add, div, ema, max, mul, pow, sqrt, sub } from '../../graph/algebra.js'
import { defineBuiltIn } from '../preconditioner.js'
import { orthogonalise } from './orthogonalise.js'
import { rate } from './ranges.js'

/**
 * Muon (Jordan et al., 2024): the momentum of a matrix, orthogonalised by a quintic Newton–Schulz iteration and
 * scaled by √max(1, outputs/inputs). It descends in the spectral norm: with x̂ the momentum that is orthogonalised,
 * s = ⟨x̂, direction⟩·‖g‖²/‖x̂‖², without momentum the nuclear norm of g (times that scale) up to the iteration's error.
 * Parameters that are no matrices go to the transformation's `fallback`. With `flatten`, parameters of more than two axes
 * are matrices too, of outputs × the rest. State: one slot, 4 bytes per float32 parameter.
 *
 * @param options `momentum` in [0, 1), default 0.95, an average without bias correction; `nesterov`, default true;
 *   `iterations` of Newton–Schulz, 1 to 50, default 5; `rows`: whether the rows of a matrix are its `'outputs'` (weights
 *   of shape out × in, as in PyTorch) or its `'inputs'` (kernels of shape in × out, as in TensorFlow.js), default `'auto'`:
 *   as the adapter knows it, and outputs where it says nothing; `flatten`, default false
 * @throws ERR_OPTION when an option is unknown, of the wrong type or out of its range
 *
 * @example
 * ```ts
 * import { adam, inducedMetric, muon } from '@induced-metric/core'
 *
 * inducedMetric(muon(), { learningRate: 0.02, fallback: adam() })
 * ```
 */
export const muon = defineBuiltIn({
  name: 'muon',
  matrix: true,
  hyperparameters: {
    momentum: rate(0.95),
    nesterov: { kind: 'boolean', default: true },
    iterations: { kind: 'integer', default: 5, min: 1, max: 50 },
    rows: { kind: 'rows', default: 'auto' },
    flatten: { kind: 'boolean', default: false },
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
