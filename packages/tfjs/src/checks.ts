import { InducedMetricError, type Checkpoint, type StepPlan } from '@induced-metric/core'
import type { InducedOptimizerOptions } from './inducedOptimizer.js'
import type { Scalar } from './namespace.js'
import { matchStates } from './restore.js'

/**
 * Checks that a checkpoint fits the variables of a plan.
 *
 * @throws ERR_CHECKPOINT naming the variable without a state, or saying that the transformation is another
 */
export function checkFit(plan: StepPlan, checkpoint: Checkpoint): void {
  // Saved before the first step, when the optimiser had not met its variables.
  if (checkpoint.parameters.length === 0) return
  const matched = matchStates(plan.parameters, checkpoint.parameters)
  const missing = plan.parameters.find((parameter) => !matched.some((match) => match.parameter === parameter))
  if (missing) {
    throw new InducedMetricError(
      'ERR_CHECKPOINT',
      `the checkpoint has no state that fits variable ${missing.name}`,
    )
  }
  if (matched.length === checkpoint.parameters.length && checkpoint.hash !== plan.hash) {
    throw new InducedMetricError(
      'ERR_CHECKPOINT',
      'the checkpoint was saved by a transformation of another form: its bases or its metricScope differ',
    )
  }
}

const choices: Readonly<Record<string, readonly string[]>> = {
  verdict: ['host', 'device'],
  engine: ['auto', 'ops', 'wasm'],
}

/** Throws ERR_OPTION for an option that does not exist or has a value that does not. */
export function checkOptions(options: InducedOptimizerOptions): void {
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue
    const accepted = choices[name]
    const expected = name === 'groupOf' ? 'a function' : accepted?.map((choice) => `'${choice}'`).join(' or ')
    if (expected === undefined) {
      throw new InducedMetricError(
        'ERR_OPTION',
        `there is no option ${name}: the options are groupOf, verdict and engine; the rest belongs in inducedMetric`,
      )
    }
    if (name === 'groupOf' ? typeof value !== 'function' : !accepted!.includes(value as string))
      throw new InducedMetricError('ERR_OPTION', `${name} must be ${expected}, given ${String(value)}`)
  }
}

/** Throws ERR_SHAPE unless the loss is a number or a scalar. */
export function checkLoss(loss: Scalar | number | undefined): void {
  if (loss === undefined || loss === null || typeof loss === 'number') return
  if (loss.size === 1 && loss.rank === 0 && loss.dtype === 'float32') return
  throw new InducedMetricError(
    'ERR_SHAPE',
    `the loss must be a number or a scalar of float32, given ${loss.dtype} of shape [${loss.shape?.join(', ')}]`,
  )
}

/** The error of a step whose embedding reads the loss and was not given it. */
export function lossRequired(plan: StepPlan): InducedMetricError {
  const { embedding } = plan.units.find(({ graph }) => graph.needsLoss)!.settings
  return new InducedMetricError(
    'ERR_LOSS_REQUIRED',
    `the embedding ${embedding.name} reads the loss: use minimize or computeGradients of this optimiser, or pass it, ` +
      'as in applyGradients(gradients, loss)',
  )
}
