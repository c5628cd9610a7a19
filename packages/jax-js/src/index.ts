/**
 * Induced-metric optimisers for jax-js.
 *
 * @packageDocumentation
 */
export { perExampleOptimizer, type ExampleFunction, type ExampleOptimizer } from './perExampleOptimizer.js'
export { findLearningRate, type Training, type TrainingStep } from './findLearningRate.js'
export { applyUpdates, inducedOptimizer } from './inducedOptimizer.js'
export type { InducedOptimizer, InducedOptimizerOptions } from './inducedOptimizer.js'
export type { InducedState } from './state.js'
