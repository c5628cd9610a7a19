import { optionError, show } from '../errors.js'
import { checkKeys } from '../validation/keys.js'
import { checkChoice } from '../validation/options.js'
import type { MatrixRows } from './hyperparameter.js'
import { checkInteger, checkNumber, type Range } from '../validation/range.js'

/** A largest norm for the gradient of each parameter by itself. */
export interface ClipNorm {
  /** The largest norm, > 0. */
  readonly norm: number
  /** What has this norm: each parameter's gradient. A plain number in place of the object is the norm over all parameters. */
  readonly per: 'parameter'
}

/** Adaptive gradient clipping: see {@link GroupOptions.adaptiveClip}. */
export interface AdaptiveClip {
  /** λ > 0: the largest norm of a unit's gradient, as a share of the norm of its weights. */
  readonly factor: number
  /** The least norm that counts for a unit's weights, > 0. Default 1e-3. */
  readonly epsilon?: number
  /** The meaning of a matrix's rows. Default `'auto'`: the parameter's own `rowsAre`, which adapters set for their framework. */
  readonly rows?: MatrixRows | 'auto'
}

/**
 * An average of the weights for evaluation. A number k ≥ 0 is the polynomial average x̄ += (k+1)/(t+k)·(θ − x̄).
 *
 * - `{ ema }`: exponential moving average, x̄ = d·x̄ + (1−d)·θ with the decay d in [0, 1), from the weights after the first step.
 * - `{ swa }`: stochastic weight averaging, the plain mean of the weights after the steps `start`, `start` + `every`, ….
 */
export type WeightAverage = number | { readonly ema: number } | { readonly swa: StochasticWeightAveraging }

/** The steps whose weights are averaged: whole numbers ≥ 1. */
export interface StochasticWeightAveraging {
  /** The first step whose weights count. Until then, the average is the weights themselves. Default 1. */
  readonly start?: number
  /** The number of steps from one that counts to the next, such as the steps of an epoch. Default 1. */
  readonly every?: number
}

/** Lookahead: see {@link GroupOptions.lookahead}. */
export interface Lookahead {
  /** k, the number of steps from one synchronisation to the next. A whole number ≥ 1; default 5. */
  readonly syncPeriod?: number
  /** α in (0, 1]: how far the slow weights move towards the fast ones. Default 0.5. */
  readonly slowStepSize?: number
}

/** The options that wrap a base without being part of it, as they are given. */
export interface WrapperOptions {
  readonly clipNorm: number | ClipNorm | undefined
  readonly clipValue: number | undefined
  readonly adaptiveClip: number | AdaptiveClip | undefined
  readonly averageWeights: WeightAverage | undefined
  readonly lookahead: Lookahead | undefined
}

/** The ranges of their numbers. */
export const wrapperRanges = {
  clipNorm: { min: 0, above: true },
  clipValue: { min: 0, above: true },
  clipFactor: { min: 0, above: true },
  clipEpsilon: { min: 0, above: true },
  averageWeights: { min: 0 },
  averageDecay: { min: 0, max: 1, below: true },
  averageStart: { min: 1 },
  averageEvery: { min: 1 },
  syncPeriod: { min: 1 },
  slowStepSize: { min: 0, above: true, max: 1 },
} as const satisfies Record<string, Range>

/** Whether each parameter's norm is limited by itself. */
export function isPerParameter(clipNorm: WrapperOptions['clipNorm']): clipNorm is ClipNorm {
  return typeof clipNorm === 'object'
}

/** The options of adaptive clipping, with the defaults. */
export function adaptiveClipOf(given: number | AdaptiveClip): Required<AdaptiveClip> {
  return { epsilon: 1e-3, rows: 'auto', ...(typeof given === 'number' ? { factor: given } : given) }
}

/**
 * Checks the options that wrap a base.
 *
 * @param path what their names begin with in errors
 * @throws ERR_OPTION
 */
export function checkWrappers(path: string, options: WrapperOptions): void {
  const { clipNorm, clipValue, adaptiveClip, averageWeights, lookahead } = options
  const range = wrapperRanges
  if (clipNorm !== undefined) checkClipNorm(`${path}clipNorm`, clipNorm)
  if (clipValue !== undefined) checkNumber(`${path}clipValue`, clipValue, range.clipValue)
  if (adaptiveClip !== undefined) checkAdaptiveClip(`${path}adaptiveClip`, adaptiveClip)
  if (averageWeights !== undefined) checkAverage(`${path}averageWeights`, averageWeights)
  if (lookahead !== undefined) {
    checkKeys(`${path}lookahead`, lookahead, ['syncPeriod', 'slowStepSize'])
    const { syncPeriod, slowStepSize } = lookahead
    if (syncPeriod !== undefined) checkInteger(`${path}lookahead.syncPeriod`, syncPeriod, range.syncPeriod)
    if (slowStepSize !== undefined)
      checkNumber(`${path}lookahead.slowStepSize`, slowStepSize, range.slowStepSize)
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function checkClipNorm(name: string, given: unknown): void {
  if (!isObject(given)) {
    checkNumber(name, given, wrapperRanges.clipNorm)
    return
  }
  checkKeys(name, given, ['norm', 'per'])
  const { norm, per } = given as Partial<ClipNorm>
  checkNumber(`${name}.norm`, norm, wrapperRanges.clipNorm)
  checkChoice(`${name}.per`, per, ['parameter'])
}

function checkAdaptiveClip(name: string, given: unknown): void {
  if (!isObject(given)) {
    checkNumber(name, given, wrapperRanges.clipFactor)
    return
  }
  checkKeys(name, given, ['factor', 'epsilon', 'rows'])
  const { factor, epsilon, rows } = given as Partial<AdaptiveClip>
  checkNumber(`${name}.factor`, factor, wrapperRanges.clipFactor)
  if (epsilon !== undefined) checkNumber(`${name}.epsilon`, epsilon, wrapperRanges.clipEpsilon)
  if (rows !== undefined) checkChoice(`${name}.rows`, rows, ['outputs', 'inputs', 'auto'])
}

function checkAverage(name: string, given: unknown): void {
  if (!isObject(given)) {
    checkNumber(name, given, wrapperRanges.averageWeights)
    return
  }
  checkKeys(name, given, ['ema', 'swa'])
  const { ema, swa } = given as { readonly ema?: unknown; readonly swa?: unknown }
  if ((ema === undefined) === (swa === undefined)) {
    throw optionError(`${name} must be a number ≥ 0, { ema } or { swa }, given ${show(given)}`)
  }
  if (swa === undefined) checkNumber(`${name}.ema`, ema, wrapperRanges.averageDecay)
  else checkStochastic(`${name}.swa`, swa)
}

function checkStochastic(name: string, given: unknown): void {
  checkKeys(name, given, ['start', 'every'])
  const { start, every } = given as StochasticWeightAveraging
  if (start !== undefined) checkInteger(`${name}.start`, start, wrapperRanges.averageStart)
  if (every !== undefined) checkInteger(`${name}.every`, every, wrapperRanges.averageEvery)
}
