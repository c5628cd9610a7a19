/**
 * Induced-metric optimisers for jax-js.
 *
 * @packageDocumentation
 */
export { applyUpdates, inducedOptimizer } from './inducedOptimizer.js'
export type { InducedOptimizer, InducedOptimizerOptions, InducedState } from './inducedOptimizer.js'
