import { InducedMetricError, type GroupSettings, type Transformation } from '@induced-metric/core'

/** A learning rate that can be set while training runs. */
export interface LearningRate {
  /** What was set, if anything was. */
  value: number | undefined
}

/** The transformation with every learning rate replaced by the one that was set, as long as one is. */
export function withLearningRate(transformation: Transformation, rate: LearningRate): Transformation {
  const adjust = (settings: GroupSettings): GroupSettings => {
    const { learningRate } = settings
    const scheduled = (step: number): number =>
      rate.value ?? (typeof learningRate === 'function' ? learningRate(step) : learningRate)
    return { ...settings, learningRate: scheduled }
  }
  return {
    ...transformation,
    settings: adjust(transformation.settings),
    groups: Object.fromEntries(
      Object.entries(transformation.groups).map(([label, settings]) => [label, adjust(settings)]),
    ),
    toJSON: () => transformation.toJSON(),
  }
}

/** Checks a learning rate that a caller sets. */
export function checkLearningRate(value: unknown): asserts value is number {
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return
  throw new InducedMetricError(
    'ERR_OPTION',
    `the learning rate must be a finite number ≥ 0, given ${String(value)}`,
  )
}
