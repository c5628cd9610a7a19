/**
 * Induced-metric optimisers for __name__.
 *
 * @packageDocumentation
 */
export type { Model } from './framework.js'
export { useOptimizer, type OptimizerHandle, type UseOptimizerOptions } from './useOptimizer.js'
