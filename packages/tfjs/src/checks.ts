import { InducedMetricError, type Checkpoint } from '@induced-metric/core'
import type { StepPlan } from '@induced-metric/core/adapter'
import type { Scalar, Tensor, TensorFlow, Variable } from './namespace.js'
import { checkForm, matchStates } from './matchStates.js'

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
  if (matched.length === checkpoint.parameters.length) checkForm(plan, checkpoint)
}

/** A value as errors show it. */
export function show(value: unknown): string {
  if (typeof value === 'string') return `'${value}'`
  return typeof value === 'object' && value !== null ? 'an object' : String(value)
}

/** Whether a value is a tensor of that copy of TensorFlow.js or another, and not disposed of. */
export function isTensor(tf: TensorFlow, value: unknown): value is Tensor {
  // What `instanceof` asks is answered by the class itself, which takes the tensors of other copies, too.
  return value instanceof tf.Tensor && !value.isDisposed
}

/** A value that is no tensor to work with, for an error. */
export function showTensor(tf: TensorFlow, value: unknown): string {
  if (!(value instanceof tf.Tensor)) return show(value)
  const { isDisposed, dtype, shape } = value as Tensor
  return isDisposed ? 'a tensor that was disposed of' : `${dtype} of shape [${shape.join(', ')}]`
}

/** Throws ERR_OPTION unless these are variables. */
export function checkVariables(variables: readonly Variable[]): void {
  const isVariable = (value?: Partial<Variable> | null): boolean =>
    typeof value?.name === 'string' && Array.isArray(value.shape)
  if (Array.isArray(variables) && variables.every(isVariable)) return
  throw new InducedMetricError(
    'ERR_OPTION',
    'load takes an array of variables, as in load(checkpoint, [kernel, bias])',
  )
}

/** Throws ERR_SHAPE unless the loss is a number or a scalar. */
export function checkLoss(tf: TensorFlow, loss: Scalar | number | undefined): void {
  if (loss === undefined || loss === null || typeof loss === 'number') return
  if (isTensor(tf, loss) && loss.rank === 0 && loss.dtype === 'float32') return
  throw new InducedMetricError(
    'ERR_SHAPE',
    `the loss must be a number or a scalar of float32, given ${showTensor(tf, loss)}`,
  )
}

/** The error of a step whose embedding reads the loss and was not given it. */
export function lossRequired(plan: StepPlan): InducedMetricError {
  const { embedding } = plan.units.find(({ graph }) => graph.needsLoss)!.settings
  return new InducedMetricError(
    'ERR_LOSS_REQUIRED',
    `the embedding ${embedding.name} reads the loss, and these are not the gradients of one computeGradients of this ` +
      'optimiser, whose loss is known: pass theirs (of a mean of gradients the mean), as in applyGradients(gradients, loss)',
  )
}
