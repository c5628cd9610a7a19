/**
 * Induced-metric optimisers for jax-js.
 *
 * @packageDocumentation
 */
export {
  applyUpdates,
  inducedOptimizer,
  type InducedOptimizer,
  type InducedOptimizerOptions,
  type InducedState,
} from './inducedOptimizer.js'
