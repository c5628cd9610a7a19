import { optionError, show } from '../errors.js'
import { checkKeys } from '../validation/keys.js'
import { checkInteger, checkNumber } from '../validation/range.js'
import { textChart, vectorChart } from './rateChart.js'
import type { RateSweep, SweptRate } from './rateSweep.js'

/** A step of a sweep, as the subject reports it. */
export interface SweptStep {
  /** L before the step. NaN and infinities count as divergence. */
  readonly loss: number
  /** ρ of the step. */
  readonly scale?: number
}

/** A training of any framework: one step at a given rate, and its whole state. */
export interface RateSubject<S> {
  /**
   * Takes one step.
   *
   * @param learningRate the rate to take it with
   * @param index the number of the step in the sweep, from 0, to choose a batch by
   * @returns the loss before the step, alone or with ρ
   */
  step(learningRate: number, index: number): number | SweptStep | Promise<number | SweptStep>
  /** Returns everything that a step changes: weights, the optimiser's state, and what else there is. It must be a copy. */
  save(): S | Promise<S>
  /** Puts it back. */
  load(state: S): void | Promise<void>
  /** Sets ξ, for a sweep over `xi`: of a transformation whose `xi` is a function that returns this number, for instance. */
  setXi?(xi: number): void | Promise<void>
}

/** The options of {@link findLearningRate}. */
export interface RateSearchOptions {
  /** The first rate, > 0. Default 1e-6. */
  readonly from?: number
  /** The last rate, above the first. Default 10. */
  readonly to?: number
  /** The number of steps of a sweep, a whole number ≥ 2. Default 100. */
  readonly steps?: number
  /** The weight in [0, 1) of the past in the average by which losses are smoothed. Default 0.9. */
  readonly smoothing?: number
  /** The factor > 1 by which the smoothed loss rises above its lowest value where a sweep ends. Default 4. */
  readonly divergence?: number
  /** Values of ξ ≥ 0. Each gets a sweep; the subject must have `setXi`. Default: one sweep, with the ξ that the subject has. */
  readonly xi?: readonly number[]
}

/** The options of the adapters' functions that search for a rate. */
export interface TrainingSearchOptions extends RateSearchOptions {
  /** Sets ξ, for a sweep over `xi`: of a transformation whose `xi` is a function that returns this number, for instance. */
  readonly setXi?: (xi: number) => void
}

/** The result of {@link findLearningRate}. */
export interface RateSearch {
  /** One per value of `xi`, or a single one. */
  readonly sweeps: readonly RateSweep[]
  /** The sweep whose smoothed loss went lowest. */
  readonly best: RateSweep
  /** The suggestion of the best sweep. */
  readonly suggestion: number | undefined
  /** Draws the sweeps with characters: the smoothed loss over the rate on a logarithmic axis, with ρ below. */
  text(): string
  /** Draws the sweeps as an SVG document. */
  svg(): string
}

const ranges = {
  rate: { min: 0, above: true },
  steps: { min: 2 },
  smoothing: { min: 0, max: 1, below: true },
  divergence: { min: 1, above: true },
  xi: { min: 0 },
} as const

/**
 * Searches for a learning rate: the range test of L. N. Smith (arXiv:1506.01186). It trains for some steps, with a rate that grows
 * by a constant factor from step to step, until the loss diverges, and puts everything back as it was. The suggestion is the
 * rate at which the smoothed loss falls fastest, as in fastai; if the loss only rises, a tenth of the rate at which it diverged.
 * It is a starting point: the best rate of a long run is often lower. With a ξ > 0 the metric holds steps back, so
 * the loss may never diverge; look at ρ then.
 *
 * @param subject the training; adapters have functions that make one
 * @param options `from`, `to`, `steps`, `smoothing`, `divergence`, `xi`
 * @returns the sweeps, a suggestion, and charts
 * @throws ERR_OPTION when an option is unknown, of the wrong type or out of its range; whatever the subject throws. The
 *   subject's state has been put back then, too.
 *
 * @example
 * ```ts
 * import { createOptimizer, findLearningRate, inducedMetric, sgd } from '@induced-metric/core'
 *
 * const data = new Float64Array([3, -2])
 * const optimizer = createOptimizer(inducedMetric(sgd(), { learningRate: 0.1, xi: 0 }), [{ name: 'w', shape: [2], data }])
 * const { suggestion } = await findLearningRate({
 *   step(learningRate) {
 *     optimizer.learningRate = learningRate
 *     const loss = data[0]! ** 2 + 5 * data[1]! ** 2
 *     return optimizer.step([Float64Array.of(2 * data[0]!, 10 * data[1]!)], { loss }).loss!
 *   },
 *   save: () => ({ weights: data.slice(), state: optimizer.save() }),
 *   load({ weights, state }) {
 *     data.set(weights)
 *     optimizer.load(state)
 *   },
 * })
 * console.log(suggestion! > 0.001 && suggestion! < 0.2) // true: it diverges from 0.2 on
 * ```
 */
export async function findLearningRate<S>(
  subject: RateSubject<S>,
  options: RateSearchOptions = {},
): Promise<RateSearch> {
  const settings = checkOptions(subject, options)
  const sweeps: RateSweep[] = []
  const before = await subject.save()
  for (const xi of settings.xi) {
    try {
      if (xi !== undefined) await subject.setXi!(xi)
      sweeps.push(summarise(xi, await sweep(subject, settings)))
    } finally {
      await subject.load(before)
    }
  }
  const best = sweeps.reduce((a, b) => (lowest(b.points) < lowest(a.points) ? b : a))
  return {
    sweeps,
    best,
    suggestion: best.suggestion,
    text: () => sweeps.map(textChart).join('\n\n'),
    svg: () => vectorChart(sweeps),
  }
}

interface Settings extends Required<Omit<RateSearchOptions, 'xi'>> {
  readonly xi: readonly (number | undefined)[]
}

function checkOptions(subject: unknown, options: RateSearchOptions): Settings {
  const owner = 'findLearningRate'
  const { step, save, load, setXi } = (subject ?? {}) as Partial<RateSubject<unknown>>
  if ([step, save, load].some((method) => typeof method !== 'function')) {
    throw optionError(`${owner} takes { step, save, load }, given ${show(subject)}`)
  }
  checkKeys(owner, options, ['from', 'to', 'steps', 'smoothing', 'divergence', 'xi'])
  const { from = 1e-6, to = 10, steps = 100, smoothing = 0.9, divergence = 4, xi } = options
  checkNumber(`${owner}: from`, from, ranges.rate)
  checkNumber(`${owner}: to`, to, { min: from, above: true })
  checkInteger(`${owner}: steps`, steps, ranges.steps)
  checkNumber(`${owner}: smoothing`, smoothing, ranges.smoothing)
  checkNumber(`${owner}: divergence`, divergence, ranges.divergence)
  if (xi === undefined) return { from, to, steps, smoothing, divergence, xi: [undefined] }
  if (!Array.isArray(xi) || xi.length === 0) {
    throw optionError(`${owner}: xi must be an array of one or more numbers, given ${show(xi)}`)
  }
  for (const value of xi) checkNumber(`${owner}: xi`, value, ranges.xi)
  if (typeof setXi !== 'function') {
    throw optionError(`${owner}: a sweep over xi needs a subject with setXi, which this one does not have`)
  }
  return { from, to, steps, smoothing, divergence, xi }
}

/** Takes the steps of a sweep. The last point is the one where the loss diverged, if it did. */
async function sweep<S>(
  subject: RateSubject<S>,
  { from, to, steps, smoothing, divergence }: Settings,
): Promise<{ readonly points: SweptRate[]; readonly isDiverged: boolean }> {
  const points: SweptRate[] = []
  let [average, weight, best] = [0, 0, Infinity]
  for (let index = 0; index < steps; index++) {
    const learningRate = index === steps - 1 ? to : from * (to / from) ** (index / (steps - 1))
    const taken = await subject.step(learningRate, index)
    const { loss, scale = NaN } = resultOf(taken)
    average = smoothing * average + (1 - smoothing) * loss
    weight = smoothing * weight + (1 - smoothing)
    const smoothed = average / weight
    points.push({ learningRate, loss, smoothed, scale })
    best = Math.min(best, smoothed)
    // Losses may be negative, or end near 0, where a multiple of the lowest means nothing.
    const size = Math.max(Math.abs(best), Math.abs(points[0]!.loss) / divergence)
    if (!(smoothed <= best + (divergence - 1) * size)) return { points, isDiverged: true }
  }
  return { points, isDiverged: false }
}

/**
 * Checks the function that trains, which the adapters' searches for a rate take.
 *
 * @throws ERR_OPTION for anything but a function
 */
export function checkTraining(train: unknown): void {
  if (typeof train === 'function') return
  throw optionError(
    `findLearningRate takes a function that trains for a step and returns the loss, given ${show(train)}`,
  )
}

function resultOf(taken: unknown): SweptStep {
  const result = typeof taken === 'number' ? { loss: taken } : taken
  if (typeof (result as Partial<SweptStep> | undefined)?.loss === 'number') return result as SweptStep
  const isObject = typeof taken === 'object' && taken !== null && 'loss' in taken
  throw optionError(
    isObject
      ? `findLearningRate: a step of the training must return the loss, a number; returned ${show(taken.loss)}`
      : `findLearningRate: step must return a loss or { loss, scale }, returned ${show(taken)}`,
  )
}

function lowest(points: readonly SweptRate[]): number {
  return points.reduce((least, { smoothed }) => (smoothed < least ? smoothed : least), Infinity)
}

function summarise(
  xi: number | undefined,
  { points, isDiverged }: { readonly points: readonly SweptRate[]; readonly isDiverged: boolean },
): RateSweep {
  const steepest = steepestRate(points)
  const diverged = isDiverged ? points.at(-1)!.learningRate : undefined
  if (steepest !== undefined)
    return { xi, points, steepest, diverged, suggestion: steepest, suggestedBy: 'steepest' }
  if (diverged === undefined)
    return { xi, points, steepest, diverged, suggestion: undefined, suggestedBy: undefined }
  return { xi, points, steepest, diverged, suggestion: diverged / 10, suggestedBy: 'divergence' }
}

/** The neighbours on each side over which a slope is measured. */
const reach = 2

/** The rate of the steepest fall up to the lowest point. All points are equally far apart on the axis. */
function steepestRate(points: readonly SweptRate[]): number | undefined {
  const end = points.findIndex(({ smoothed }) => smoothed === lowest(points))
  let found: number | undefined
  let steepest = 0
  for (let i = 0; i <= end; i++) {
    const [before, after] = [Math.max(0, i - reach), Math.min(end, i + reach)]
    const slope = (points[after]!.smoothed - points[before]!.smoothed) / Math.max(1, after - before)
    if (slope < steepest) [steepest, found] = [slope, points[i]!.learningRate]
  }
  return found
}
