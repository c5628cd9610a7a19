/**
 * Induced-metric optimisers for convnetjs.
 *
 * @packageDocumentation
 */
export type { Layer, Net, ParamsAndGrads, Target, Vol } from './net.js'
export { PerExampleTrainer, type PerExampleTrainerOptions } from './perExampleTrainer.js'
export { InducedTrainer, type InducedTrainerOptions, type TrainStats } from './trainer.js'
