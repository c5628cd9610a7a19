/**
 * Induced-metric optimisers for __name__.
 *
 * @packageDocumentation
 */
export type { Input, Model, Target } from './framework.js'
export { InducedTrainer, type InducedTrainerOptions, type Trained } from './trainer.js'
