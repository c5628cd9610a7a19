import type { Optimizer, StepReport, TypedArray } from '@induced-metric/core'
import { optionError } from '@induced-metric/core/adapter'
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
  { frozen, loss = trainSteps.loss }: OptimizerStepOptions,
): StepReport {
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
function withoutFrozen(optimizer: Optimizer, names: Iterable<string> = []): (TypedArray | null)[] {
  const frozen = new Set(names)
  const own = optimizer.gradients
  const unknown = [...frozen].find((name) => !own.some((gradient) => gradient.name === name))
  if (unknown !== undefined) {
    throw optionError(`frozen: there is no trainable parameter ${JSON.stringify(unknown)}`)
  }
  return own.map(({ name, data }) => (frozen.has(name) ? null : data))
}
