/** A step of a sweep. */
export interface SweptRate {
  readonly learningRate: number
  readonly loss: number
  /** The running average of the losses up to here, corrected for its start. */
  readonly smoothed: number
  /** ρ; NaN if the subject did not report it. */
  readonly scale: number
}

/** A sweep over rates. */
export interface RateSweep {
  /** The ξ that it was made with; `undefined` for the one that the subject had. */
  readonly xi: number | undefined
  readonly points: readonly SweptRate[]
  /** The rate at which the smoothed loss falls fastest per decade, up to its lowest point; `undefined` if it does not fall. */
  readonly steepest: number | undefined
  /** The rate at which the loss diverged; `undefined` if it did not. */
  readonly diverged: number | undefined
  /** `steepest`; where that is unknown, a tenth of `diverged`; else `undefined`. */
  readonly suggestion: number | undefined
  /** The origin of the suggestion. */
  readonly suggestedBy: 'steepest' | 'divergence' | undefined
}
