/**
 * Induced-metric optimisers for convnetjs.
 *
 * @packageDocumentation
 */
export type { Layer, Net, ParamsAndGrads, Target, Vol } from './net.js'
export type { InducedTrainerOptions } from './options.js'
export { InducedTrainer, type TrainStats } from './trainer.js'
