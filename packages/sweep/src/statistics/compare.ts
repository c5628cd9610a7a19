import { optionError, requireInteger, requireKnown, shown } from '../errors.js'
import { createRandom } from '../random.js'
import { rankTrials, type StudyResults, type Trial } from '../results/read.js'
import type { Json } from '../space/space.js'
import { mean, quantile } from './quantile.js'

/** The options of a comparison. */
export interface CompareOptions {
  /** The share of intervals that hold the true difference (default 0.95). */
  readonly level?: number
  /** Bootstrap samples (default 10,000). */
  readonly resamples?: number
}

/** Two configurations, compared seed by seed. */
export interface Comparison {
  readonly a: Trial
  readonly b: Trial
  /** Seeds with which both finished, and a − b with each. */
  readonly differences: readonly { readonly seed: number; readonly difference: number }[]
  /** The mean of a − b, in units of the metric; NaN if no seed is common. */
  readonly difference: number
  /** The bootstrap interval of the mean; NaN where fewer than two seeds are common. */
  readonly interval: readonly [low: number, high: number]
  readonly level: number
}

/**
 * Compares two configurations on the seeds that both have, so that what a seed does to both cancels out. The interval is the
 * percentile bootstrap of the mean difference (B. Efron and R. Tibshirani, 1993, chapter 13). With few seeds it is too
 * narrow: with five, one at 95 % holds the true difference about 83 % of the time,
 * so take ten or more to be sure.
 *
 * @param a - the number of a configuration
 * @param b - of another one
 * @throws ERR_OPTION if there is no such configuration, or an option is unknown or out of range
 */
export function compareConfigurations(
  { trials }: StudyResults,
  a: number,
  b: number,
  options: CompareOptions = {},
): Comparison {
  requireKnown('compareConfigurations', options, ['level', 'resamples'])
  const { level = 0.95, resamples = 10_000 } = options
  requireInteger('resamples', resamples, 1)
  if (!(level > 0 && level < 1)) throw optionError(`level must be between 0 and 1, given ${shown(level)}`)
  const [first, second] = [a, b].map((configuration) => {
    const found = trials.find((trial) => trial.configuration === configuration)
    if (found === undefined) throw optionError(`there is no result of configuration ${shown(configuration)}`)
    return found
  }) as [Trial, Trial]
  return compareTrials(first, second, level, resamples)
}

function compareTrials(a: Trial, b: Trial, level: number, resamples: number): Comparison {
  const differences = a.runs.flatMap((run) => {
    const other = b.runs.find(({ seed }) => seed === run.seed)
    if (run.status !== 'finished' || other?.status !== 'finished') return []
    return [{ seed: run.seed, difference: run.value! - other.value! }]
  })
  const values = differences.map(({ difference }) => difference)
  return {
    a,
    b,
    differences,
    difference: values.length === 0 ? NaN : mean(values),
    interval: values.length < 2 ? [NaN, NaN] : bootstrapInterval(values, level, resamples),
    level,
  }
}

/** The percentile bootstrap of a mean. */
export function bootstrapInterval(
  values: readonly number[],
  level: number,
  resamples: number,
): [number, number] {
  // Of a fixed seed: the same results give the same interval.
  const random = createRandom(values.length, resamples)
  const means = Float64Array.from({ length: resamples }, () => {
    let sum = 0
    for (let draw = 0; draw < values.length; draw++) sum += values[Math.floor(random() * values.length)]!
    return sum / values.length
  }).sort()
  const tail = (1 - level) / 2
  return [quantile(means as unknown as number[], tail), quantile(means as unknown as number[], 1 - tail)]
}

/** The best configuration of each value of a hyperparameter. */
export interface BestByValue {
  readonly value: Json
  readonly best: Trial
  /** How many configurations have this value and finished: the more, the luckier the best of them. */
  readonly tried: number
  /** Compared with the best of all; undefined for that one itself. */
  readonly comparison: Comparison | undefined
}

/**
 * The best configuration of each value of a hyperparameter, such as each optimiser, compared with the best of all. The best
 * of many is better by luck: where it matters, run those configurations again with other seeds.
 *
 * @param name - of the hyperparameter
 * @returns the best value first
 * @throws ERR_OPTION if no configuration that finished has this hyperparameter
 */
export function compareBy(results: StudyResults, name: string, options: CompareOptions = {}): BestByValue[] {
  const byValue = new Map<string, Trial[]>()
  for (const trial of rankTrials(results.trials, results.definition)) {
    const value = trial.hyperparameters[name]
    if (value === undefined) continue
    const key = JSON.stringify(value)
    const group = byValue.get(key)
    if (group === undefined) byValue.set(key, [trial])
    else group.push(trial)
  }
  if (byValue.size === 0) throw optionError(`no configuration that finished has ${shown(name)}`)
  const groups = [...byValue.values()]
  return groups.map(([best, ...others], index) => ({
    value: best!.hyperparameters[name]!,
    best: best!,
    tried: others.length + 1,
    comparison:
      index === 0
        ? undefined
        : compareConfigurations(results, best!.configuration, groups[0]![0]!.configuration, options),
  }))
}
