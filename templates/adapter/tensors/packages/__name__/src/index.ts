/**
 * Induced-metric optimisers for __name__.
 *
 * @packageDocumentation
 */
export { inducedOptimizer, type InducedOptimizerOptions, type Variable } from './inducedOptimizer.js'
export type { Tensor } from './tensor.js'
export { tensors } from './tensors.js'
