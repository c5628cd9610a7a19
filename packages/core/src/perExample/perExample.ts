import type { Checkpoint } from '../checkpoint/checkpoint.js'
import type { Embedding } from '../transformation/embedding.js'
import { InducedMetricError } from '../errors.js'
import { checkScheduled, valueAt, type Scheduled } from '../transformation/hyperparameter.js'
import { checkKeys } from '../validation/keys.js'
import { checkNumber } from '../validation/range.js'
import { createOptimizer } from '../arrays/optimizer.js'
import type { Parameter } from '../arrays/types.js'
import { checkChoice } from '../validation/options.js'
import type { Preconditioner } from '../transformation/preconditioner.js'
import { restoredReport, type StepReport } from '../step/report.js'
import { inducedMetric, optionRanges } from '../transformation/transformation.js'
import { createAxisReader, type PerExampleRows, type PerExampleTargets } from './axes.js'
import { createSolver } from './solver.js'

/**
 * A number ≥ 0, a function of the step that returns one, or `{ perLoss: κ }` for κ/L, L being the mean loss at the step: the
 * smaller the loss, the less damping.
 */
export type PerExampleRate = Scheduled | { readonly perLoss: number }

/** The options of {@link perExample}. */
export interface PerExampleOptions {
  /** Step size η. Default `{ perLoss: 1 }`. */
  readonly learningRate?: PerExampleRate
  /**
   * ξ, the total weight of the axes of all examples. Default: the learning rate, which makes a step on residuals that of
   * Levenberg and Marquardt with damping 1/ξ.
   */
  readonly xi?: PerExampleRate
  /** The embedding of each example's loss, where steps are given losses. Default `identity()`. Residuals need none. */
  readonly embedding?: Embedding
  /** The reaction to a NaN, an infinity or an overflow: `'skip'` (default) the step, or `'throw'` ERR_NON_FINITE. */
  readonly onNonFinite?: 'skip' | 'throw'
  /**
   * The reaction to a loss outside the embedding's domain: `'throw'` (default) ERR_BAD_LOSS, `'skip'` the step, or leave
   * that example out (`'zero'`).
   */
  readonly onBadLoss?: 'throw' | 'skip' | 'zero'
}

/** A rate at a step. */
function createRate(name: string, rate: PerExampleRate): (step: number, loss: number) => number {
  const range = optionRanges.xi
  if (typeof rate === 'object' && rate !== null) {
    checkKeys(name, rate, ['perLoss'])
    const { perLoss } = rate
    checkNumber(`${name}.perLoss`, perLoss, range)
    return (_, loss) => {
      if (loss < 0) {
        throw new InducedMetricError(
          'ERR_BAD_LOSS',
          `${name}: { perLoss } takes mean losses ≥ 0, given ${loss}; nothing was changed: give a number, or losses that are above 0`,
        )
      }
      // At a loss of 0 there is nothing left to descend.
      return perLoss / loss < Infinity ? perLoss / loss : 0
    }
  }
  checkScheduled(name, rate, range, '{ perLoss: κ }')
  return (step) => valueAt(name, rate, range, step)
}

/** An optimiser whose metric has an axis for every example. Experimental. */
export interface PerExampleOptimizer {
  /**
   * Takes one step: updates the parameters in place. For R rows and N weights, n being the smaller number, it costs
   * nRN/2 + n³/6 multiplications and holds R·N numbers.
   *
   * @param rows at the parameters before the step, row-major, R × N with the columns in the parameters' order, or a block
   *   R × size for each parameter: ∂r/∂θ of each residual, or ∂L/∂θ of each example's loss
   * @param targets `{ residuals }`: r by row, of the mean loss Σr²/2B, where B is `examples` if an example has several; or
   *   `{ losses }`: L by row
   * @returns the report of the step. `scale` is the share of the base step's first-order decrease that is left (with one
   *   example: ρ), `dualNorm` is s of the mean gradient, `metric` the trace of (ξ/B)·JPJᵀ, `loss` the mean loss
   * @throws ERR_SHAPE for rows of another size; ERR_OPTION where there are more than 512 of both rows and weights, or a schedule
   *   leaves its range; ERR_BAD_LOSS; ERR_NON_FINITE with `onNonFinite: 'throw'`; ERR_DISPOSED. After any of them the
   *   parameters and slots are as before, bit for bit.
   */
  step(rows: PerExampleRows, targets: PerExampleTargets): StepReport
  /** The report of the latest step; before the first, one with `step: 0`. */
  readonly report: StepReport
  /** A copy of the base's state, like that of any optimiser with this base. */
  save(): Checkpoint
  /**
   * Continues from a saved state, which may be that of an optimiser with one axis.
   *
   * @throws ERR_CHECKPOINT when it belongs to another base or to other parameters; nothing has changed then
   */
  load(checkpoint: Checkpoint | Uint8Array): void
  /**
   * Returns to the state before the first step: the base's slots, counts and the report. The parameters keep their values.
   *
   * @throws ERR_DISPOSED
   */
  reset(): void
  /** Releases all arrays; every later call throws ERR_DISPOSED. */
  dispose(): void
}

/**
 * Experimental. One axis per example: Levenberg and Marquardt's method in the base's metric, for small nets whose
 * Jacobian is at hand. The landscape is embedded as θ ↦ (θ, f(L₁), …, f(L_B)) with the metric diag(P⁻¹, ξ/B, …, ξ/B), in
 * which the mean of h(L) is descended:
 * Δθ = −η P Jᵀ (I + (ξ/B) J P Jᵀ)⁻¹ u, J = ∂f(L)/∂θ, u = h′/(B f′). The system is solved directly, in double precision. For
 * residuals (f = r), η = ξ and P = 1 it is the step of Levenberg (1944) and Marquardt (1963). The share `scale` scales a
 * base's momentum as a whole; without momentum it converges faster. With ξ = 0 it is the base itself.
 *
 * @param base one whose P is diagonal: `sgd`, `heavyBall`, `adam`, `rmsprop`, `adagrad`, or one of your own whose direction
 *   or `dual` shows it
 * @param parameters names, shapes and row-major values, updated in place
 * @param options `learningRate` η, `xi`, `embedding`, `onNonFinite`, `onBadLoss`; all have defaults
 * @throws ERR_OPTION for an invalid option or a name used twice; ERR_SHAPE when data and shape disagree;
 *   ERR_NOT_SUPPORTED for a base whose P is not diagonal
 *
 * @example
 * ```ts
 * import { perExample, sgd } from '@induced-metric/core'
 *
 * // Fits y = a·exp(b·x) to four points.
 * const [xs, ys] = [[0, 1, 2, 3], [2, 1.2, 0.7, 0.4]]
 * const data = new Float64Array([1, 0])
 * const optimizer = perExample(sgd(), [{ name: 'ab', shape: [2], data }])
 * for (let i = 0; i < 20; i++) {
 *   const [a, b] = data
 *   const rows = xs.flatMap((x) => [Math.exp(b! * x), a! * x * Math.exp(b! * x)])
 *   const residuals = xs.map((x, i) => a! * Math.exp(b! * x) - ys[i]!)
 *   optimizer.step(new Float64Array(rows), { residuals })
 * }
 * console.log(data, optimizer.report.loss)
 * ```
 */
export function perExample(
  base: Preconditioner,
  parameters: readonly Parameter[],
  options: PerExampleOptions = {},
): PerExampleOptimizer {
  checkKeys('perExample', options, ['learningRate', 'xi', 'embedding', 'onNonFinite', 'onBadLoss'])
  const { learningRate = { perLoss: 1 }, xi = learningRate } = options
  const { embedding, onNonFinite = 'skip', onBadLoss = 'throw' } = options
  const { settings } = inducedMetric(base, { learningRate: 0, ...(embedding && { embedding }), onNonFinite })
  const rates = { learningRate: createRate('learningRate', learningRate), xi: createRate('xi', xi) }
  checkChoice('onBadLoss', onBadLoss, ['throw', 'skip', 'zero'])
  // The inner optimiser keeps the slots and counts. It moves the weights only where ξ is 0.
  let innerRate = 0
  const inner = createOptimizer(
    inducedMetric(base, { learningRate: () => innerRate, xi: 0, onNonFinite }),
    parameters,
    { engine: 'reference' },
  )
  const read = createAxisReader(embedding, onBadLoss)
  const solver = createSolver({ settings, base }, inner)
  let report = inner.report
  /** The number of steps that were skipped before the inner optimiser saw them. */
  let skips = 0
  const skip = (given: Pick<StepReport, 'loss' | 'learningRate' | 'xi'>): StepReport => {
    skips++
    const { step, skippedSteps } = inner.report
    const nothing = { scale: 0, dualNorm: NaN, metric: NaN, skipped: true }
    return (report = { step, skippedSteps: skippedSteps + skips, ...nothing, ...given })
  }
  return {
    get report() {
      return report
    },
    step(rows, targets) {
      const { slots } = inner // throws ERR_DISPOSED if it was disposed of
      const step = inner.report.step + 1
      const axes = read(targets, step)
      if (axes === undefined) return skip({ learningRate: NaN, xi: NaN, loss: null })
      const { loss } = axes
      const given = { learningRate: rates.learningRate(step, loss), xi: rates.xi(step, loss) }
      solver.read(rows, axes)
      const isBaseStep = given.xi === 0 && axes.descendsLoss
      innerRate = isBaseStep ? given.learningRate : 0
      const solution = isBaseStep ? undefined : solver.solve(axes, given, step, slots)
      if (!Number.isFinite(loss) || !solver.isFinite()) {
        if (onNonFinite === 'skip') return skip({ ...given, loss })
        throw new InducedMetricError(
          'ERR_NON_FINITE',
          `a loss, a row or the solution is NaN or infinite; nothing was changed. With onNonFinite: 'skip' such a step is skipped`,
        )
      }
      const { skippedSteps, ...done } = inner.step(solver.gradients)
      report = { ...done, ...given, loss, skippedSteps: skippedSteps + skips }
      if (report.skipped) return report
      solver.written()
      if (solution) report = { ...report, ...solution }
      return report
    },
    save: () => ({ ...inner.save(), skippedSteps: inner.report.skippedSteps + skips }),
    load(checkpoint) {
      inner.load(checkpoint)
      skips = 0
      solver.restore(inner.save())
      report = restoredReport(report, inner.report)
    },
    reset() {
      inner.reset()
      skips = 0
      solver.restore(inner.save())
      report = inner.report
    },
    dispose: () => inner.dispose(),
  }
}
