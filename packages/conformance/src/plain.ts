/**
 * The plain JSON form of a transformation, which the core's `fromJSON` reads. The kit writes its cases in this form
 * and uses nothing else of the core when it computes the expected results.
 */

/** A schedule as data: `{ schedule: 'linear', from, to, steps }` and so on. */
export interface PlainSchedule {
  readonly schedule: string
  readonly [key: string]: unknown
}

/** A number, a schedule as data, or (in tests of the oracle only) a function of the step, counted from 1. */
export type PlainNumber = number | PlainSchedule | ((step: number) => number)

/**
 * A base preconditioner by name, with the hyperparameters that differ from their defaults. The `rows` of `muon` are
 * `'outputs'` if they are left out: the core would take them from the adapter, and a case must not depend on that.
 */
export interface PlainBase {
  readonly name: string
  readonly [hyperparameter: string]: unknown
}

/** An embedding by name. A floor that follows the losses stays at its bound (0 for `'follow'`) or above it. */
export interface PlainEmbedding {
  readonly name: string
  readonly floor?: PlainNumber | 'follow' | { readonly follow: number }
}

/** An identity axis beside the embedding's, tied to the first loss. */
export interface PlainStartAxis {
  readonly weight: number
  readonly power?: number
  readonly steps?: number
}

/** The options that a group may set as well as the whole transformation. */
export interface PlainOptions {
  readonly base?: PlainBase
  readonly learningRate?: PlainNumber
  /** `'rate'` and `{ perRate: κ }` tie ξ to the learning rate at its peak: ξ = η*, ξ = κη*. */
  readonly xi?: PlainNumber | 'auto' | 'rate' | { readonly perRate: number }
  readonly beta?: number
  readonly embedding?: PlainEmbedding
  readonly weightDecay?: PlainNumber
  readonly decayMask?: 'all' | 'matrices' | readonly string[]
  readonly decayScaling?: 'rate' | 'step'
  readonly fallback?: PlainBase
  readonly onBadLoss?: 'throw' | 'skip' | 'base' | 'zero'
  readonly averagedModel?: boolean
  readonly startAxis?: PlainStartAxis
  /** The largest growth of ρ in one step. */
  readonly growthRate?: number
  /** A learning rate that is a cap and rises by a factor at every step (default 1.02) up to a height (default 1). */
  readonly risingCap?: { readonly growth?: number; readonly to?: number }
  readonly averageWeights?: number | { readonly ema: number } | { readonly swa: PlainStochasticAverage }
  readonly lookahead?: { readonly syncPeriod?: number; readonly slowStepSize?: number }
  /** A group that sets another norm than the whole is clipped by itself. */
  readonly clipNorm?: number | { readonly norm: number; readonly per: 'parameter' }
  readonly clipValue?: number
  readonly adaptiveClip?: PlainAdaptiveClip
}

/** The steps whose weights enter a plain mean. */
export interface PlainStochasticAverage {
  readonly start?: number
  readonly every?: number
}

/** Limits of the norms of units. The `rows` are given, since the core would take them from the adapter. */
export interface PlainAdaptiveClip {
  readonly factor: number
  readonly epsilon?: number
  readonly rows: 'outputs' | 'inputs'
}

/** A transformation as data; a missing key means the default. */
export interface PlainTransformation extends PlainOptions {
  readonly base: PlainBase
  readonly learningRate: PlainNumber
  readonly onNonFinite?: 'skip' | 'throw'
  readonly accumulate?: number
  readonly metricScope?: 'global' | 'group' | 'parameter'
  readonly groups?: { readonly [group: string]: PlainOptions }
}

/** Whether ξ follows from the learning rate. */
export function isTied({ xi }: PlainOptions): boolean {
  return xi === 'rate' || (typeof xi === 'object' && 'perRate' in xi)
}

/** Whether a floor follows the losses. */
export function follows({ embedding }: PlainOptions): boolean {
  const floor = embedding?.floor
  return floor === 'follow' || (typeof floor === 'object' && 'follow' in floor)
}

/** The base that computes directions: the one within, where one is made of another. */
export function innermost(base: PlainBase): PlainBase {
  return base['base'] === undefined ? base : innermost(base['base'] as PlainBase)
}
