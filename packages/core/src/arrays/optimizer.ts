import { planStep } from '../step/plan.js'
import { checkTransformation } from '../transformation/transformation.js'
import type { Transformation } from '../transformation/types.js'
import { checkOptions } from '../validation/options.js'
import { checkApart, checkData, checkList } from './checks.js'
import { chooseEngine } from './chooseEngine.js'
import { infoOf, PlannedOptimizer } from './plannedOptimizer.js'
import type { Optimizer, OptimizerOptions, Parameter } from './types.js'

/**
 * Creates an optimiser over the caller's arrays, which every step updates in place.
 *
 * @param transformation what `inducedMetric` returned
 * @param parameters names, shapes and row-major values, Float32Array or Float64Array
 * @throws ERR_OPTION for an invalid option or a name used twice; ERR_SHAPE when data and shape disagree, or two parameters
 *   share elements; ERR_NOT_SUPPORTED for an engine that is not available, or when there is no memory for it
 *
 * @example
 * ```ts
 * import { createOptimizer, inducedMetric, sgd } from '@induced-metric/core'
 *
 * // The landscape L(x, y) = x² + 10y², from (1, 1).
 * const data = new Float64Array([1, 1])
 * const transformation = inducedMetric(sgd(), { learningRate: 0.05, xi: 0.1 })
 * const optimizer = createOptimizer(transformation, [{ name: 'position', shape: [2], data }])
 * for (let i = 0; i < 100; i++) {
 *   const [x, y] = data
 *   optimizer.step([new Float64Array([2 * x!, 20 * y!])], { loss: x! ** 2 + 10 * y! ** 2 })
 * }
 * console.log(data, optimizer.report.scale)
 * ```
 *
 * @example
 * Without copies: the parameters live in the optimiser's memory, and gradients are written there.
 *
 * ```ts
 * import { adam, createOptimizer, inducedMetric } from '@induced-metric/core'
 *
 * const optimizer = createOptimizer(
 *   inducedMetric(adam(), { learningRate: 0.1 }),
 *   [{ name: 'w', shape: [1000], data: new Float32Array(1000).fill(1) }],
 *   { adopt: true },
 * )
 * const [w, gradient] = [optimizer.parameters[0]!.data, optimizer.gradients[0]!.data]
 * for (let step = 0; step < 10; step++) {
 *   for (let i = 0; i < w.length; i++) gradient[i] = 2 * w[i]!
 *   optimizer.step([gradient])
 * }
 * ```
 */
export function createOptimizer(
  transformation: Transformation,
  parameters: readonly Parameter[],
  options: OptimizerOptions = {},
): Optimizer {
  checkTransformation(transformation)
  checkOptions('createOptimizer', options, {
    engine: ['auto', 'wasm', 'reference'],
    memory: 'any',
    adopt: 'boolean',
    others: 'function',
    helper: 'any',
  })
  checkList(parameters)
  const createEngine = chooseEngine(options)
  const rest = options.others === undefined ? {} : { others: options.others }
  const plan = planStep(transformation, parameters.map(infoOf), rest)
  checkData(parameters)
  checkApart(parameters)
  const engine = createEngine(
    plan,
    parameters.map(({ data }) => data),
  )
  return new PlannedOptimizer(plan, rest, engine, parameters)
}
