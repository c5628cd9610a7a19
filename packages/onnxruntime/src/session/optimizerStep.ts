import type { Optimizer, StepReport, TypedArray } from '@induced-metric/core'
import { checkOptions, nearestNames, optionError, show } from '@induced-metric/core/adapter'
import type { SessionSetup } from './setUp.js'
import type { TrainSteps } from './trainSteps.js'

/** Options of an optimiser step. */
export interface OptimizerStepOptions {
  /** Names of parameters that this step leaves alone, as if they had no gradient. */
  readonly frozen?: Iterable<string>
  /** The loss that the gradients belong to: by default the sum over the train steps, `null` if it is unknown. */
  readonly loss?: number | null
}

/**
 * Takes a step of a session's optimiser with the gradients of its train steps.
 *
 * @throws ERR_OPTION if there is no optimiser or no gradient, or for an unknown name
 */
export function takeOptimizerStep(
  { optimizer, steps }: SessionSetup,
  trainSteps: TrainSteps,
  options: OptimizerStepOptions,
): StepReport {
  checkOptions('runOptimizerStep', options, { frozen: 'any', loss: 'any' })
  const { frozen, loss = trainSteps.loss } = options
  if (!steps) {
    throw optionError(
      'this session has no optimiser: create it with optimizer (a transformation) or optimizerModel',
    )
  }
  if (trainSteps.count === 0) {
    throw optionError('there are no gradients to step with: call runTrainStep first')
  }
  return optimizer.step(withoutFrozen(optimizer, frozen), loss === null ? {} : { loss })
}

/** The gradients of a step, with `null` for the parameters that it leaves alone. */
function withoutFrozen({ gradients }: Optimizer, names?: Iterable<string>): (TypedArray | null)[] {
  const frozen = frozenNames(
    names,
    gradients.map(({ name }) => name),
  )
  return gradients.map(({ name, data }) => (frozen.has(name) ? null : data))
}

/**
 * The parameters that a step leaves alone.
 *
 * @param trainable the names of all that are trained
 * @throws ERR_OPTION for anything but names of these
 */
export function frozenNames(names: unknown = [], trainable: readonly string[]): ReadonlySet<string> {
  const isNames = typeof names === 'object' && names !== null && Symbol.iterator in names
  if (!isNames) throw optionError(`frozen must be a list of names of parameters, given ${show(names)}`)
  const given = [...(names as Iterable<unknown>)]
  const isTrainable = (name: unknown): name is string => trainable.some((own) => own === name)
  if (given.every(isTrainable)) return new Set(given)
  const unknown = show(given.find((name) => !isTrainable(name)))
  const nearest = nearestNames(unknown, trainable, 3).map(show).join(', ')
  throw optionError(`frozen: there is no trainable parameter ${unknown}; the nearest names are ${nearest}`)
}
