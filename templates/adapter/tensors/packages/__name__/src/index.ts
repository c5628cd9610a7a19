/**
 * Induced-metric optimisers for __name__.
 *
 * @packageDocumentation
 */
export { inducedOptimizer, type InducedOptimizerOptions, type Variable } from './inducedOptimizer.js'
export { tensors, type Tensor } from './tensors.js'
