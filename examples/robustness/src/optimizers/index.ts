import { induced } from './induced.js'
import { momoAdam } from './momoAdam.js'
import type { OptimizerEntry } from './optimizer.js'
import { prodigy } from './prodigy.js'
import { scheduleFreeAdam } from './scheduleFreeAdam.js'

/** All optimisers, in the order of the report. */
export const optimizers: readonly OptimizerEntry[] = [...induced, momoAdam, scheduleFreeAdam, prodigy]
