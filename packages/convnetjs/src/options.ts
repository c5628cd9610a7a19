import { InducedMetricError, type ParameterInfo } from '@induced-metric/core'

/** The options of an `InducedTrainer`, by convnetjs's names. */
export interface InducedTrainerOptions {
  /** Patterns whose mean gradient makes a step; default 1. */
  readonly batch_size?: number
  /** Weight of Σ|w| in the loss of a batch, times the layer's `l1_decay_mul`; default 0. */
  readonly l1_decay?: number
  /** Weight of ½Σw² in the loss of a batch, times the layer's `l2_decay_mul`; default 0. */
  readonly l2_decay?: number
  /** The label of a parameter's group, for `groups` of the transformation; `undefined` for none. */
  readonly groupOf?: (parameter: ParameterInfo) => string | undefined
}

function isValid(key: string, value: unknown): boolean {
  if (key === 'groupOf') return typeof value === 'function'
  if (key === 'batch_size') return Number.isSafeInteger(value) && Number(value) > 0
  return /^l[12]_decay$/.test(key) && Number.isFinite(value) && Number(value) >= 0
}

/** Throws ERR_OPTION for an option that is unknown or out of range. */
export function checkOptions(options: InducedTrainerOptions): void {
  for (const [key, value] of Object.entries(options)) {
    if (value === undefined || isValid(key, value)) continue
    const allowed =
      'batch_size is a whole number ≥ 1, l1_decay and l2_decay are numbers ≥ 0, groupOf is a function'
    const advice = 'learning_rate, momentum and the like are options of inducedMetric'
    throw new InducedMetricError('ERR_OPTION', `${key} can't be ${String(value)}: ${allowed}; ${advice}`)
  }
}
