import { optionError, show } from '../errors.js'
import { checkKeys } from '../validation/keys.js'
import { checkChoice } from '../validation/options.js'
import { checkInteger, checkNumber } from '../validation/range.js'

/** The options of {@link reduceOnPlateau}. */
export interface PlateauOptions {
  /** The learning rate to begin with, ≥ 0. */
  readonly learningRate: number
  /** The factor of a reduction, ≥ 0 and < 1. Default 0.1. */
  readonly factor?: number
  /** The number of updates without an improvement that are tolerated; the next one reduces the rate. Default 10. */
  readonly patience?: number
  /** The least improvement that counts, ≥ 0. Default 1e-4. */
  readonly threshold?: number
  /** Whether `threshold` is a share of the best value (`'relative'`, default), or a difference from it (`'absolute'`). */
  readonly thresholdMode?: 'relative' | 'absolute'
  /** The number of updates after a reduction in which none counts as bad. Default 0. */
  readonly cooldown?: number
  /** The smallest learning rate, ≥ 0. Default 0. */
  readonly minimum?: number
  /** The smallest reduction that is made, ≥ 0. Default 1e-8. */
  readonly epsilon?: number
  /** Whether a smaller value is better (`'min'`, default, as for a loss), or a larger one (`'max'`, as for an accuracy). */
  readonly mode?: 'min' | 'max'
}

/** The state of a plateau's watch, as plain data. */
export interface PlateauState {
  /** The current learning rate. */
  readonly learningRate: number
  /** The best value so far; `null` before the first. */
  readonly best: number | null
  /** The number of updates since the latest improvement or reduction. */
  readonly badUpdates: number
  /** The number of updates left in which none counts as bad. */
  readonly cooldown: number
}

/** Reduces a learning rate when a value stops improving. */
export interface ReduceOnPlateau {
  /** The current learning rate. */
  readonly learningRate: number
  /**
   * Takes the next value, such as the validation loss of an epoch. NaN is no improvement.
   *
   * @returns the learning rate from now on, to set in an optimiser
   * @throws ERR_OPTION unless the value is a number
   */
  update(value: number): number
  /** The state as plain data. */
  save(): PlateauState
  /**
   * Continues from a saved state.
   *
   * @throws ERR_OPTION when it is not one; then nothing has changed
   */
  load(state: PlateauState): void
}

/**
 * Watches a value, such as the validation loss, and multiplies the learning rate by `factor` when it has stopped improving. It
 * knows no optimiser: set the rate that it returns, with `optimizer.learningRate = …` or the like in any adapter. The rates are
 * those of PyTorch's `ReduceLROnPlateau` with the same options, where `thresholdMode` is its `threshold_mode`, `minimum` its
 * `min_lr` and `epsilon` its `eps`. Keras's callback differs: it has an absolute threshold and no `epsilon`, and reduces one update earlier.
 *
 * @param options `learningRate`, required; `factor`, `patience`, `threshold`, `thresholdMode`, `cooldown`, `minimum`,
 *   `epsilon`, `mode`
 * @throws ERR_OPTION when an option is unknown, of the wrong type or out of its range
 *
 * @example
 * ```ts
 * import { adam, createOptimizer, inducedMetric, reduceOnPlateau } from '@induced-metric/core'
 *
 * const weights = { name: 'w', shape: [1], data: new Float32Array([1]) }
 * const optimizer = createOptimizer(inducedMetric(adam(), { learningRate: 0.1 }), [weights])
 * const plateau = reduceOnPlateau({ learningRate: 0.1, patience: 3 })
 * for (let epoch = 0; epoch < 100; epoch++) {
 *   optimizer.step([weights.data.map((w) => 2 * w)])
 *   optimizer.learningRate = plateau.update(weights.data[0]! ** 2)
 * }
 * ```
 */
export function reduceOnPlateau(options: PlateauOptions): ReduceOnPlateau {
  const { learningRate, factor, patience, threshold, thresholdMode, cooldown, minimum, epsilon, mode } =
    resolveOptions(options)
  let state: PlateauState = { learningRate, best: null, badUpdates: 0, cooldown: 0 }
  const sign = mode === 'min' ? 1 : -1
  const isBetter = (value: number, best: number | null): boolean => {
    // Nothing is better than NaN, and infinity is no improvement on nothing, as in PyTorch.
    if (best === null) return sign * value < Infinity
    if (thresholdMode === 'absolute') return sign * value < sign * best - threshold
    return sign * value < sign * best * (1 - sign * threshold)
  }
  return {
    get learningRate() {
      return state.learningRate
    },
    update(value) {
      if (typeof value !== 'number') {
        throw optionError(`reduceOnPlateau: a value must be a number, given ${show(value)}`)
      }
      const better = isBetter(value, state.best)
      const isCooling = state.cooldown > 0
      const next = {
        learningRate: state.learningRate,
        best: better ? value : state.best,
        badUpdates: better || isCooling ? 0 : state.badUpdates + 1,
        cooldown: isCooling ? state.cooldown - 1 : 0,
      }
      if (next.badUpdates > patience) {
        const reduced = Math.max(next.learningRate * factor, minimum)
        if (next.learningRate - reduced > epsilon) next.learningRate = reduced
        Object.assign(next, { badUpdates: 0, cooldown })
      }
      state = next
      return state.learningRate
    },
    save: () => ({ ...state }),
    load(given) {
      checkState(given)
      const { learningRate: rate, best, badUpdates, cooldown: left } = given
      state = { learningRate: rate, best, badUpdates, cooldown: left }
    },
  }
}

function resolveOptions(options: PlateauOptions): Required<PlateauOptions> {
  const owner = 'reduceOnPlateau'
  const defaults = {
    factor: 0.1,
    patience: 10,
    threshold: 1e-4,
    thresholdMode: 'relative',
    cooldown: 0,
    minimum: 0,
    epsilon: 1e-8,
    mode: 'min',
  } as const
  checkKeys(owner, options, ['learningRate', ...Object.keys(defaults)])
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
  const resolved = { ...defaults, ...given } as Required<PlateauOptions>
  checkNumber(`${owner}.factor`, resolved.factor, { min: 0, max: 1, below: true })
  for (const key of ['learningRate', 'threshold', 'minimum', 'epsilon'] as const)
    checkNumber(`${owner}.${key}`, resolved[key], { min: 0 })
  for (const key of ['patience', 'cooldown'] as const)
    checkInteger(`${owner}.${key}`, resolved[key], { min: 0 })
  checkChoice(`${owner}.thresholdMode`, resolved.thresholdMode, ['relative', 'absolute'])
  checkChoice(`${owner}.mode`, resolved.mode, ['min', 'max'])
  return resolved
}

function checkState(state: unknown): asserts state is PlateauState {
  const owner = 'a state of reduceOnPlateau'
  checkKeys(owner, state, ['learningRate', 'best', 'badUpdates', 'cooldown'])
  const { learningRate, best, badUpdates, cooldown } = state as Partial<PlateauState>
  checkNumber(`${owner}: learningRate`, learningRate, { min: 0 })
  // −∞ may have been the best of all.
  if (best !== null && (typeof best !== 'number' || Number.isNaN(best))) {
    throw optionError(`${owner}: best must be a number or null, given ${show(best)}`)
  }
  checkInteger(`${owner}: badUpdates`, badUpdates, { min: 0 })
  checkInteger(`${owner}: cooldown`, cooldown, { min: 0 })
}
