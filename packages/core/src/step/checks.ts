import { InducedMetricError, isList, optionError, shapeError, show } from '../errors.js'
import { checkKeys } from '../validation/keys.js'
import type { ParameterInfo } from '../transformation/types.js'
import { similarName } from '../validation/nearest.js'
import type { StepPlan } from './planned.js'
import { readsLoss } from './profiles.js'

/**
 * The loss among the options of a step; `undefined` if there is none.
 *
 * @throws ERR_OPTION for any other option; ERR_LOSS_REQUIRED when an embedding or a base reads the loss and there is none
 */
export function checkLoss(plan: StepPlan, options: { readonly loss?: number }): number | undefined {
  checkKeys('step', options, ['loss'])
  const { loss } = options
  if (loss !== undefined && typeof loss !== 'number') {
    throw optionError(`loss must be a number, given ${show(loss)}`)
  }
  if (loss === undefined && plan.needsLoss)
    throw lossRequired(plan, ': pass it, as in step(gradients, { loss })')
  return loss
}

/**
 * The error of a step whose embedding or base reads the loss, where there is none.
 *
 * @param end the end of its sentence, which says how to pass the loss
 */
export function lossRequired(plan: StepPlan, end: string): InducedMetricError {
  const unit = plan.units.find(({ graph }) => graph.needsLoss)
  const reader = unit
    ? `the embedding ${unit.settings.embedding.name}`
    : `the base ${plan.profiles[plan.parameters.find(readsLoss)!.profile]!.base.name}`
  return new InducedMetricError('ERR_LOSS_REQUIRED', `${reader} reads the loss${end}`)
}

/** Throws ERR_SHAPE unless a step is given an array of one gradient per parameter. */
export function checkGradientCount(gradients: unknown, count: number): void {
  const given = isList(gradients) ? (gradients as readonly unknown[]).length : show(gradients)
  if (given === count) return
  throw shapeError(`step takes an array of ${count} gradients, one per parameter, given ${given}`)
}

/** Throws ERR_OPTION for a misspelt `group` or `rowsAre`. Other properties are the caller's own, and nothing reads them. */
export function checkSpelling(parameter: ParameterInfo): void {
  for (const [key, value] of Object.entries(parameter)) {
    if (typeof value !== 'string' || ['name', 'group', 'rowsAre'].includes(key)) continue
    const similar = similarName(key, ['group', 'rowsAre'])
    if (similar === undefined) continue
    throw optionError(
      `parameter ${show(parameter.name)} has no property ${show(key)}; the nearest is ${show(similar)}: rename it, or leave it out`,
    )
  }
}
