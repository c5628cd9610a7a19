import { intOf } from '../proto/attribute.js'
import type { GradientRule } from './context.js'
import { elementwise } from './elementwise.js'

/** A rule for a gradient operator that takes dY and Y, normalised along one axis (the form since opset 13). */
function alongAxis(opType: string): GradientRule {
  return elementwise(({ dY, y, context: { emit, node } }) =>
    emit(opType, [dY, y], { axis: intOf(node, 'axis', -1) }),
  )
}

/** Rules of softmax and its logarithm. */
export const softmax: Readonly<Record<string, GradientRule>> = {
  Softmax: alongAxis('com.microsoft:SoftmaxGrad_13'),
  LogSoftmax: alongAxis('com.microsoft:LogSoftmaxGrad_13'),
}
