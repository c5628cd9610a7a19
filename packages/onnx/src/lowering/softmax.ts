import { intOf } from '../proto/attribute.js'
import type { LoweringRule, LoweringContext } from '../rewrite/nodeContext.js'

/** dX = Y·(dY − Σ dY·Y), over the normalised axes. */
function softmaxGrad({ emit, required, output }: LoweringContext, axes: string): void {
  const [dY, y] = [required(0), required(1)]
  const sum = emit('ReduceSum', [emit('Mul', [dY, y]), axes], { keepdims: 1 })
  emit('Mul', [y, emit('Sub', [dY, sum])], {}, output(0))
}

/** dX = dY − exp(Y)·Σ dY. */
function logSoftmaxGrad({ emit, required, output }: LoweringContext, axes: string): void {
  const [dY, y] = [required(0), required(1)]
  const sum = emit('ReduceSum', [dY, axes], { keepdims: 1 })
  emit('Sub', [dY, emit('Mul', [emit('Exp', [y]), sum])], {}, output(0))
}

/** Since opset 13 one axis is normalised. */
function oneAxis(lower: typeof softmaxGrad): LoweringRule {
  return (context) => lower(context, context.ints([intOf(context.node, 'axis', -1)]))
}

/** Before opset 13 all axes from the given one on are normalised. */
function fromAxis(lower: typeof softmaxGrad): LoweringRule {
  return (context) => {
    const y = context.required(1)
    const rank = context.typeOf(y).shape?.length ?? context.rankOf(context.required(0))
    const axis = intOf(context.node, 'axis', 1)
    const first = axis < 0 ? axis + rank : axis
    lower(context, context.ints(Array.from({ length: rank - first }, (_, i) => first + i)))
  }
}

export const softmax = {
  SoftmaxGrad: fromAxis(softmaxGrad),
  SoftmaxGrad_13: oneAxis(softmaxGrad),
  LogSoftmaxGrad: fromAxis(logSoftmaxGrad),
  LogSoftmaxGrad_13: oneAxis(logSoftmaxGrad),
} satisfies Record<string, LoweringRule>
