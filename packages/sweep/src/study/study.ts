import { optionError, requireInteger, requireKnown, requirePositive, shown } from '../errors.js'
import { quasiRandom } from '../samplers/quasiRandom.js'
import type { Sampler } from '../samplers/sampler.js'
import { isStoppingRule, type StoppingRule } from '../stopping/rule.js'
import { type HyperparametersOf, requireSpace, type Space } from '../space/space.js'

/** What a training function is given. */
export interface RunContext<H = Readonly<Record<string, unknown>>> {
  /** The configuration. Parameters whose condition does not hold are missing. */
  readonly hyperparameters: H
  /** A whole number: everything random in the run should follow from it. */
  readonly seed: number
  /**
   * Reports metrics along the way, for curves and early stopping. Throws where the run is to stop: let it pass.
   *
   * @param metrics - numbers by name, such as `{ loss }`; they may be NaN
   * @param step - a whole number that grows from call to call (default: the number of the call, from 1)
   */
  readonly report: (metrics: Readonly<Record<string, number>>, step?: number) => void
  /** Aborted when the run is stopped early or its time is over, for runs that wait for something. */
  readonly signal: AbortSignal
}

/** What a training function may return: metrics by name, the metric alone, or nothing if it has reported. */
export type RunResult = Readonly<Record<string, number>> | number | void

/** The number that a study is about. */
export interface Metric {
  readonly name: string
  /** Default `minimize`. */
  readonly goal?: 'minimize' | 'maximize'
  /**
   * Which of the reported values counts if the run returns none: the last one (default), or the best one, as in "best
   * validation accuracy of 200 epochs", which counts even if the run returns others.
   */
  readonly of?: 'last' | 'best'
}

/** How much is tried. */
export interface Budget {
  /** Configurations. Default: all of the sampler, where it has an end. */
  readonly trials?: number
  /** Seconds after which a run is ended and recorded as timed out. Default: none. */
  readonly secondsPerRun?: number
}

/** A study: what is trained, what is varied, how much is tried. */
export interface Study<S extends Space = Space> {
  /** Names the study in results and queues: letters, digits, `.`, `_` and `-`. Default: the name of its file. */
  readonly name?: string
  readonly space: S
  readonly metric: Metric | string
  readonly budget?: Budget
  /** Default `quasiRandom()`. */
  readonly sampler?: Sampler
  /** The seeds with which each configuration runs: a list, or the number of them, from 1 on. Default 1. */
  readonly seeds?: number | readonly number[]
  /** Ends runs early that do worse than others. Default: none. */
  readonly stopping?: StoppingRule
  /**
   * Samplers and rules that learn decide on configuration i from those before i − delay, whatever else has finished, so
   * that results depend neither on the number of workers nor on their speed. With fewer than `delay` workers none waits
   * for long. Default 8.
   */
  readonly delay?: number
  /** The seed of the sampler. Default 0. */
  readonly samplerSeed?: number
  readonly run: (context: RunContext<HyperparametersOf<S>>) => RunResult | Promise<RunResult>
}

/** A study with all its defaults. */
export interface FullStudy {
  readonly name: string
  readonly space: Space
  readonly metric: Required<Metric>
  readonly trials: number
  readonly secondsPerRun: number | undefined
  readonly sampler: Sampler
  readonly seeds: readonly number[]
  readonly stopping: StoppingRule | undefined
  readonly delay: number
  readonly samplerSeed: number
  readonly run: (context: RunContext) => RunResult | Promise<RunResult>
}

/**
 * Declares a study, so that the compiler knows the types of its hyperparameters. A study file exports it by default.
 *
 * @throws ERR_OPTION if anything of it is unknown, missing, of the wrong type or out of range
 * @example
 * ```ts
 * import { choice, defineStudy, logUniform } from '@induced-metric/sweep'
 *
 * export default defineStudy({
 *   space: { learningRate: logUniform(1e-3, 1), momentum: choice([0, 0.9]) },
 *   metric: 'loss',
 *   budget: { trials: 20 },
 *   seeds: 3,
 *   run({ hyperparameters: { learningRate, momentum }, seed, report }) {
 *     let [x, velocity] = [1 + seed / 10, 0]
 *     for (let step = 1; step <= 50; step++) {
 *       velocity = momentum * velocity + x
 *       x -= learningRate * velocity
 *       report({ loss: x * x })
 *     }
 *   },
 * })
 * ```
 */
export function defineStudy<const S extends Space>(study: Study<S>): Study<S> {
  completeStudy(study as unknown as Study, 'study')
  return study
}

const known = [
  'name',
  'space',
  'metric',
  'budget',
  'sampler',
  'seeds',
  'stopping',
  'delay',
  'samplerSeed',
  'run',
] as const satisfies readonly (keyof Study)[]

/**
 * What a study's name does not have, because it names files and queues. Letters of all scripts stay: two studies whose names
 * became the same would share their results.
 */
export const notInNames = /[\p{C}/\\:*?"<>|]/gu

/**
 * A study with its defaults, checked.
 *
 * @param name - for a study that has none
 */
export function completeStudy(study: Study, name: string): FullStudy {
  if (typeof study !== 'object' || study === null)
    throw optionError(`a study is an object with run, space and metric, given ${shown(study)}`)
  requireKnown('a study', study, known)
  requireSpace(study.space)
  const { sampler = quasiRandom(), delay = 8, samplerSeed = 0, stopping, run } = study
  if (typeof run !== 'function') throw optionError(`run must be a function, given ${shown(run)}`)
  if (typeof sampler?.propose !== 'function')
    throw optionError(
      `sampler must be grid(), random(), quasiRandom(), tpe() or listed([…]), given ${shown(sampler)}`,
    )
  if (stopping !== undefined && !isStoppingRule(stopping))
    throw optionError(`stopping must be medianRule() or successiveHalving(), given ${shown(stopping)}`)
  requireInteger('delay', delay, 1)
  requireInteger('samplerSeed', samplerSeed, 0)
  const full = study.name ?? name
  if (typeof full !== 'string' || full.length < 1 || full.length > 100 || full.search(notInNames) !== -1)
    throw optionError(
      `name must be 1 to 100 characters that names of files have anywhere, none of / \\ : * ? " < > |, given ${shown(full)}`,
    )
  return {
    name: full,
    space: study.space,
    metric: completeMetric(study.metric),
    ...completeBudget(study.budget ?? {}, sampler.size?.(study.space)),
    sampler,
    seeds: completeSeeds(study.seeds ?? 1),
    stopping,
    delay,
    samplerSeed,
    run: run as FullStudy['run'],
  }
}

function completeMetric(metric: Metric | string): Required<Metric> {
  const given = typeof metric === 'string' ? { name: metric } : metric
  if (typeof given !== 'object' || given === null || typeof given.name !== 'string' || given.name === '')
    throw optionError(`metric must be a name, or { name, goal, of }, given ${shown(metric)}`)
  requireKnown('metric', given, ['name', 'goal', 'of'])
  const { name, goal = 'minimize', of = 'last' } = given
  if (goal !== 'minimize' && goal !== 'maximize')
    throw optionError(`metric.goal must be minimize or maximize, given ${shown(goal)}`)
  if (of !== 'last' && of !== 'best') throw optionError(`metric.of must be last or best, given ${shown(of)}`)
  return { name, goal, of }
}

function completeBudget(
  budget: Budget,
  size: number | undefined,
): Pick<FullStudy, 'trials' | 'secondsPerRun'> {
  requireKnown('budget', budget, ['trials', 'secondsPerRun'])
  const { trials, secondsPerRun } = budget
  if (trials === undefined && size === undefined)
    throw optionError('budget.trials must say how many configurations to try: this sampler has no end')
  if (trials !== undefined) requireInteger('budget.trials', trials, 1)
  if (secondsPerRun !== undefined) requirePositive('budget.secondsPerRun', secondsPerRun)
  return { trials: Math.min(trials ?? Infinity, size ?? Infinity), secondsPerRun }
}

function completeSeeds(seeds: number | readonly number[]): readonly number[] {
  if (typeof seeds === 'number') {
    requireInteger('seeds', seeds, 1)
    return Array.from({ length: seeds }, (_, index) => index + 1)
  }
  if (!Array.isArray(seeds) || seeds.length === 0)
    throw optionError(`seeds must be a number of seeds or a list of them, given ${shown(seeds)}`)
  for (const seed of seeds) requireInteger('each of seeds', seed, 0)
  if (new Set(seeds).size < seeds.length) throw optionError('seeds has a seed twice')
  return seeds as readonly number[]
}
