/**
 * The plain JSON form of a transformation, as `fromJSON` of the core reads it. The kit writes its cases in this form
 * and reads nothing else of the core while it computes what to expect.
 */

/** A schedule as data: `{ schedule: 'linear', from, to, steps }` and so on. */
export interface PlainSchedule {
  readonly schedule: string
  readonly [key: string]: unknown
}

/** A number, a schedule as data, or (in tests of the oracle only) a function of the step, counted from 1. */
export type PlainNumber = number | PlainSchedule | ((step: number) => number)

/** A base preconditioner by name, with the hyperparameters that differ from their defaults. */
export interface PlainBase {
  readonly name: string
  readonly [hyperparameter: string]: unknown
}

/** An embedding by name. */
export interface PlainEmbedding {
  readonly name: string
  readonly floor?: PlainNumber
}

/** What may be said per group as well as for the whole transformation. */
export interface PlainOptions {
  readonly base?: PlainBase
  readonly learningRate?: PlainNumber
  readonly xi?: PlainNumber | 'auto'
  readonly beta?: number
  readonly embedding?: PlainEmbedding
  readonly weightDecay?: PlainNumber
  readonly decayMask?: 'all' | 'matrices' | readonly string[]
  readonly fallback?: PlainBase
  readonly onBadLoss?: 'throw' | 'skip' | 'base' | 'zero'
}

/** A transformation as data; keys left out mean the defaults. */
export interface PlainTransformation extends PlainOptions {
  readonly base: PlainBase
  readonly learningRate: PlainNumber
  readonly onNonFinite?: 'skip' | 'throw'
  readonly clipNorm?: number
  readonly metricScope?: 'global' | 'group' | 'parameter'
  readonly groups?: { readonly [group: string]: PlainOptions }
}
