import { requireInteger, requireKnown, requirePositive } from '../errors.js'

/**
 * The worst values with which a run goes on, by step. They are decided before a run begins, from the runs before it, so that
 * a run needs nobody to ask and its end does not depend on what else is running.
 */
export type Thresholds = readonly (readonly [step: number, value: number])[]

/** What has been reported by a run that counts: its metric by step, multiplied so that smaller is better. */
export type LossCurve = readonly (readonly [step: number, loss: number])[]

/** Ends runs early that do worse than the runs before them. */
export interface StoppingRule {
  readonly name: 'medianRule' | 'successiveHalving'
  readonly options: Readonly<Record<string, number>>
}

/** The options of `medianRule`. */
export interface MedianRuleOptions {
  /** Runs that must have come before (default 5). */
  readonly startup?: number
  /** Steps with which no run is stopped (default 0). */
  readonly warmup?: number
}

/** The options of `successiveHalving`. */
export interface SuccessiveHalvingOptions {
  /** The step of the first decision (default 1). */
  readonly firstStep?: number
  /** η: one run in so many goes on, to so many times as many steps (default 3). */
  readonly factor?: number
}

/**
 * The median rule (D. Golovin et al., 2017, "Google Vizier", section 3.2): a run stops at a step if the best that it has
 * reported is worse than the median of what the runs before it reported at that step.
 *
 * @throws ERR_OPTION if an option is unknown or out of range
 */
export function medianRule(options: MedianRuleOptions = {}): StoppingRule {
  requireKnown('medianRule', options, ['startup', 'warmup'])
  const { startup = 5, warmup = 0 } = options
  requireInteger('startup', startup, 1)
  requireInteger('warmup', warmup, 0)
  return { name: 'medianRule', options: { startup, warmup } }
}

/**
 * Successive halving without waiting (L. Li et al., 2020, "A system for massively parallel hyperparameter tuning", in the form
 * that stops runs rather than pausing them): at firstStep · factor^k a run goes on if the best that it has reported is among
 * the best 1/factor of the runs that came this far before it, itself included.
 *
 * @throws ERR_OPTION if an option is unknown or out of range
 */
export function successiveHalving(options: SuccessiveHalvingOptions = {}): StoppingRule {
  requireKnown('successiveHalving', options, ['firstStep', 'factor'])
  const { firstStep = 1, factor = 3 } = options
  requireInteger('firstStep', firstStep, 1)
  requirePositive('factor', factor)
  requireInteger('factor', factor, 2)
  return { name: 'successiveHalving', options: { firstStep, factor } }
}

/** Whether something is a rule. */
export function isStoppingRule(value: unknown): value is StoppingRule {
  const name = (value as { name?: unknown } | null)?.name
  return name === 'medianRule' || name === 'successiveHalving'
}
