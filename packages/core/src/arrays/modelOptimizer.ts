import type { TypedArray } from '../dtype.js'
import { createOptimizer } from './optimizer.js'
import type { Optimizer, Parameter } from './types.js'
import type { Transformation } from '../transformation/types.js'

/** An optimiser of whatever weights a model has. */
export interface ModelOptimizer<P extends Parameter = Parameter> extends Pick<
  Optimizer,
  | 'step'
  | 'report'
  | 'learningRate'
  | 'fixedLearningRate'
  | 'withAveragedWeights'
  | 'save'
  | 'load'
  | 'dispose'
> {
  /**
   * Looks whether the model has other arrays than before, and then starts over: a new optimiser, of those. Call it before
   * gradients are taken from the model; `save` and `load` do so by themselves.
   *
   * @returns the model's parameters as they are now
   * @throws what `createOptimizer` throws; the optimiser is then as before
   */
  follow(): readonly P[]
}

/**
 * Creates an optimiser over the arrays of a model that may be given others at any time, by being initialised or loaded
 * anew. It goes by the arrays themselves: new values in the same arrays are the same weights. A learning rate that was set
 * stays set where it starts over.
 *
 * @param transformation what `inducedMetric` returned
 * @param parametersOf the model's parameters as they are now, always in the same order
 * @throws what `createOptimizer` throws
 *
 * @example
 * ```ts
 * import { adam, inducedMetric } from '@induced-metric/core'
 * import { createModelOptimizer } from '@induced-metric/core/adapter'
 *
 * const model = { weights: new Float32Array([1, -2]) }
 * const optimizer = createModelOptimizer(inducedMetric(adam(), { learningRate: 0.1 }), () => [
 *   { name: 'weights', shape: [2], data: model.weights },
 * ])
 * optimizer.step([model.weights.map((w) => 2 * w)])
 * model.weights = new Float32Array([3, 4]) // as from a file
 * optimizer.follow()
 * console.log(optimizer.report.step) // 0
 * ```
 */
export function createModelOptimizer<P extends Parameter>(
  transformation: Transformation,
  parametersOf: () => readonly P[],
): ModelOptimizer<P> {
  let arrays: TypedArray[]
  const start = (parameters: readonly P[]): Optimizer => {
    const started = createOptimizer(transformation, parameters)
    arrays = parameters.map(({ data }) => data)
    return started
  }
  let optimizer = start(parametersOf())
  let isDisposed = false
  const follow = (): readonly P[] => {
    const parameters = parametersOf()
    const isSame = parameters.every(({ data }, i) => isSameMemory(data, arrays[i]))
    if (isDisposed || (isSame && parameters.length === arrays.length)) return parameters
    const before = optimizer
    optimizer = start(parameters)
    if (before.fixedLearningRate !== undefined) optimizer.learningRate = before.fixedLearningRate
    before.dispose()
    return parameters
  }
  return {
    get report() {
      return optimizer.report
    },
    get learningRate() {
      return optimizer.learningRate
    },
    set learningRate(value) {
      optimizer.learningRate = value
    },
    get fixedLearningRate() {
      return optimizer.fixedLearningRate
    },
    follow,
    step: (gradients, options) => optimizer.step(gradients, options),
    withAveragedWeights(evaluate) {
      follow()
      return optimizer.withAveragedWeights(evaluate)
    },
    save() {
      follow()
      return optimizer.save()
    },
    load(checkpoint) {
      follow()
      optimizer.load(checkpoint)
    },
    dispose() {
      isDisposed = true
      optimizer.dispose()
    },
  }
}

/** Whether two arrays are views of the same elements. */
function isSameMemory(a: TypedArray, b: TypedArray | undefined): boolean {
  return a.buffer === b?.buffer && a.byteOffset === b.byteOffset && a.byteLength === b.byteLength
}
