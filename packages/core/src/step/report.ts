import { InducedMetricError } from '../errors.js'
import type { MetricUnit } from './planned.js'
import { stepStatus } from './metricGraph.js'
import type { Transformation } from '../transformation/types.js'

/** The report of a step for one metric unit. */
export interface UnitReport {
  /** '' for the default group, else the group's label or the parameter's name. */
  readonly key: string
  /** ρ, the factor on the base step; 0 when the step was skipped. */
  readonly scale: number
  /** s = gᵀPg, the squared dual norm of the gradient. NaN where it was not computed (`xi: 0` with `identity()`). */
  readonly dualNorm: number
  /** v̂ = ξ·v/(1−βᵗ), the running average of ξ·s that ρ is computed from. */
  readonly metric: number
  readonly xi: number
}

/** The report of the latest step. With several metric units, `scale`, `dualNorm`, `metric` and `xi` are the first one's. */
export interface StepReport extends Omit<UnitReport, 'key'> {
  /** The number of steps taken; a skipped step does not count. */
  readonly step: number
  /** The loss that was given, else `null`. */
  readonly loss: number | null
  /** Whether the latest step was skipped, leaving every parameter and slot as it was. */
  readonly skipped: boolean
  /** The number of steps skipped so far. */
  readonly skippedSteps: number
  /** The learning rate of the first parameter's group at this step. */
  readonly learningRate: number
  /**
   * The number of calls of `step` whose gradients wait for the rest of their update, where the transformation accumulates
   * (`accumulate`): 0 after an update. In between, the other numbers are those of the latest update, and `loss` is the mean over
   * these calls.
   */
  readonly accumulated?: number
  /** One entry per metric unit, where parameter groups or `metricScope` make more than one. */
  readonly units?: readonly UnitReport[]
}

/** The report before the first step. */
export const initialReport: StepReport = {
  step: 0,
  scale: 1,
  dualNorm: 0,
  metric: 0,
  loss: null,
  skipped: false,
  skippedSteps: 0,
  learningRate: 0,
  xi: 0,
}

/** The report after a saved state was loaded. */
export function restoredReport(
  report: StepReport,
  { step, skippedSteps }: Pick<StepReport, 'step' | 'skippedSteps'>,
): StepReport {
  return { ...report, step, skippedSteps, skipped: false }
}

/** The result of a unit in a step. */
export interface UnitResult {
  readonly unit: MetricUnit
  readonly scale: number
  readonly dualNorm: number
  readonly metric: number
  readonly xi: number
}

/** The outcome of a step; valid until the next one. */
export interface StepOutcome {
  readonly skipped: boolean
  /** The learning rate of the first profile. */
  readonly learningRate: number
  readonly units: readonly UnitResult[]
}

/** The result of a unit without a gradient. */
export function noResult(unit: MetricUnit): UnitResult {
  return { unit, scale: 0, dualNorm: NaN, metric: NaN, xi: NaN }
}

/** Puts a report together. Its own numbers are those of the first unit that computed any. */
export function composeReport(
  given: Omit<StepReport, keyof UnitReport | 'units' | 'loss'> & {
    readonly loss: number | undefined
    readonly units: readonly UnitResult[]
  },
): StepReport {
  const { step, loss, skipped, skippedSteps, learningRate, units } = given
  const first = units.find(({ xi }) => !Number.isNaN(xi))
  // Written out: this runs at every step, and copies by spread leave much garbage.
  const report: StepReport = {
    step,
    loss: loss ?? null,
    skipped,
    skippedSteps,
    learningRate,
    scale: first === undefined || skipped ? 0 : first.scale,
    dualNorm: first === undefined ? NaN : dualNormOf(first),
    metric: first === undefined ? NaN : first.metric,
    xi: first === undefined ? NaN : first.xi,
  }
  if (units.length < 2) return report
  return {
    ...report,
    units: units.map((result) => ({
      key: result.unit.key,
      scale: skipped ? 0 : result.scale,
      dualNorm: dualNormOf(result),
      metric: result.metric,
      xi: result.xi,
    })),
  }
}

function dualNormOf({ unit, dualNorm }: UnitResult): number {
  return unit.graph.metric ? Math.max(dualNorm, 0) : NaN
}

/** The reason why an embedding has no usable factor. */
function reasonOf({ graph }: MetricUnit, loss: number | undefined): string {
  return graph.needsLoss ? `cannot take the loss ${loss}` : 'gives a factor that is negative or not finite'
}

/**
 * The error of a step that must not be written; `undefined` if the transformation says to skip it.
 *
 * @param status the `status` of the unit's metric graph, other than `ok`
 */
export function refusal(
  transformation: Transformation,
  unit: MetricUnit,
  status: number,
  given: { readonly dualNorm: number; readonly loss: number | undefined },
): InducedMetricError | undefined {
  const { embedding, onBadLoss } = unit.settings
  if (status === stepStatus.nonFinite) {
    if (transformation.onNonFinite === 'skip') return undefined
    const isOfLoss = unit.baseReadsLoss && given.loss !== undefined && !Number.isFinite(given.loss)
    const what =
      Number.isFinite(given.dualNorm) || isOfLoss
        ? `the loss is ${given.loss}`
        : 'a gradient or the dual norm is NaN or infinite'
    return new InducedMetricError(
      'ERR_NON_FINITE',
      `${what}; nothing was changed. With onNonFinite: 'skip' such a step is skipped`,
    )
  }
  if (onBadLoss === 'skip') return undefined
  return new InducedMetricError(
    'ERR_BAD_LOSS',
    `the embedding ${embedding.name} ${reasonOf(unit, given.loss)}; nothing was changed. ` +
      `${'floor' in embedding.hyperparameters ? 'It needs a loss above `floor`: lower floor' : 'Look at its definition'}, ` +
      "or set onBadLoss to 'skip', 'base' or 'zero'",
  )
}
