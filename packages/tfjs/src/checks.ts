import { shapeError, show } from '@induced-metric/core/adapter'
import type { Scalar, Tensor, TensorFlow } from './namespace.js'

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

/** Throws ERR_SHAPE unless the loss is a number or a scalar. */
export function checkLoss(tf: TensorFlow, loss: Scalar | number | undefined): void {
  if (loss === undefined || loss === null || typeof loss === 'number') return
  if (isTensor(tf, loss) && loss.rank === 0 && loss.dtype === 'float32') return
  throw shapeError(`the loss must be a number or a scalar of float32, given ${showTensor(tf, loss)}`)
}

/** Whether an object has functions of these names: what is not documented is looked for before it is relied on. */
export function hasFunctions(object: unknown, ...names: readonly string[]): boolean {
  const members = (object ?? {}) as Readonly<Record<string, unknown>>
  return names.every((name) => typeof members[name] === 'function')
}
