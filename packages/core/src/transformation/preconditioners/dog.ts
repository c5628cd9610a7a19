import { add, div, greater, max, mul, select, sqrt, square, sub, sum } from '../../graph/algebra.js'
import { defineBuiltIn } from '../preconditioner.js'
import { epsilonAt, positive } from './ranges.js'

/**
 * DoG, distance over gradients (Ivgi, Hinder and Carmon, 2023): SGD whose rate is r/√G, with r the largest distance from the
 * start θ₀ so far and G = ε + Σ‖g‖² over all steps. r starts from `initialDistance`·(1 + ‖θ₀‖). Both are over all parameters of a
 * group together, or with `layerwise` over each for itself (LDoG). Leave the learning rate at 1. It is the authors' code; they add
 * weight decay to the gradient, the transformation's is decoupled and not scaled by r/√G. The paper evaluates an average of the
 * weights: give `averageWeights`. P = r/√G, direction P g. State: one slot, 4 bytes per float32 parameter; with `layerwise`
 * two numbers more per tensor.
 *
 * @param options `initialDistance` > 0, default 1e-6 (1e-4 for models with batch normalisation); `epsilon` ≥ 0, default
 *   1e-8; `layerwise`, default false
 * @throws ERR_OPTION when an option is unknown, of the wrong type or out of its range
 *
 * @example
 * ```ts
 * import { dog, inducedMetric } from '@induced-metric/core'
 *
 * inducedMetric(dog(), { learningRate: 1, xi: 0, averageWeights: 8 })
 * ```
 */
export const dog = defineBuiltIn({
  name: 'dog',
  hyperparameters: {
    initialDistance: positive(1e-6),
    epsilon: epsilonAt(1e-8),
    layerwise: { kind: 'boolean', default: false },
  },
  update({ gradient: g, parameter, step, profileStep, slot, total, shared, ...options }) {
    const { initialDistance, epsilon, layerwise } = options
    const all = layerwise ? sum : total
    const before = layerwise ? slot('distance', { shape: 'scalar' }) : shared('distance')
    const sumBefore = layerwise
      ? slot('squares', { shape: 'scalar', initial: epsilon })
      : shared('squares', epsilon)
    const start = slot('start', { initial: 'parameter' })
    const travelled = sqrt(all(square(sub(parameter, start))))
    const distance = select(
      greater(layerwise ? step : profileStep, 1),
      max(before, travelled),
      mul(initialDistance, add(1, sqrt(all(square(parameter))))),
    )
    const squares = add(sumBefore, all(square(g)))
    const scale = div(distance, sqrt(squares))
    const numbers = { distance, squares }
    return {
      direction: mul(scale, g),
      average: g,
      dual: mul(scale, square(g)),
      slots: { start, ...(layerwise && numbers) },
      ...(!layerwise && { shared: numbers }),
    }
  },
})
