/**
 * Induced-metric optimisers for brain.js.
 *
 * @packageDocumentation
 */
export { useOptimizer, type OptimizerHandle, type UseOptimizerOptions } from './useOptimizer.js'
export { usePerExample, type UsePerExampleOptions } from './usePerExample.js'
