import { InducedMetricError } from '@induced-metric/core'
import { optionError, shapeError, show, type StepPlan } from '@induced-metric/core/adapter'
import type { Scalar, Tensor, TensorFlow, Variable } from './namespace.js'

/** Whether a value is a tensor, of that copy of TensorFlow.js or of another, that was not disposed of. */
export function isTensor(tf: TensorFlow, value: unknown): value is Tensor {
  // `Tensor` defines what `instanceof` answers, and accepts the tensors of other copies.
  return value instanceof tf.Tensor && !value.isDisposed
}

/** Describes a value that is not a usable tensor, for an error. */
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
  throw optionError('load takes an array of variables, as in load(checkpoint, [kernel, bias])')
}

/** Throws ERR_SHAPE unless the loss is a number or a scalar. */
export function checkLoss(tf: TensorFlow, loss: Scalar | number | undefined): void {
  if (loss === undefined || loss === null || typeof loss === 'number') return
  if (isTensor(tf, loss) && loss.rank === 0 && loss.dtype === 'float32') return
  throw shapeError(`the loss must be a number or a scalar of float32, given ${showTensor(tf, loss)}`)
}

/** The error of a step whose embedding reads the loss, where no loss is known. */
export function lossRequired(plan: StepPlan): InducedMetricError {
  const { embedding } = plan.units.find(({ graph }) => graph.needsLoss)!.settings
  return new InducedMetricError(
    'ERR_LOSS_REQUIRED',
    `the embedding ${embedding.name} reads the loss, and these are not the gradients of one computeGradients of this ` +
      'optimiser, whose loss is known: pass their loss (for a mean of gradients, the mean of the losses), as in ' +
      'applyGradients(gradients, loss)',
  )
}
