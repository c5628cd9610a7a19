import { stringOf } from '../proto/attribute.js'
import type { GradientRule } from './context.js'
import { addUp, positionsIn } from './gather.js'

export const pad: Readonly<Record<string, GradientRule>> = {
  Pad(context) {
    const { node, emit, give, ints, wants, input, required, requiredGradient, constantOf } = context
    const { typeOf, reduce, shapeOf } = context
    const [dY, x, pads, value, axes] = [requiredGradient(0), required(0), required(1), input(2), input(3)]
    const mode = stringOf(node, 'mode', 'constant')
    if (mode !== 'constant') {
      give(0, addUp(context, dY, emit('Pad', [positionsIn(context, x), pads, undefined, axes], { mode }), x))
      return
    }
    // A negative pad crops; the gradient pads by the same amount, and the other way round.
    const constant = constantOf(pads)
    const opposite = constant ? ints(constant.map((extent) => -extent)) : emit('Neg', [pads])
    const cropped = emit('Pad', [dY, opposite, undefined, axes])
    give(0, cropped)
    if (value !== undefined && wants(2)) {
      const total = (gradient: string): string =>
        reduce('ReduceSum', emit('Reshape', [gradient, ints([-1])]), [0], false)
      const outside = emit('Sub', [total(dY), total(cropped)])
      give(2, typeOf(value).shape?.length === 0 ? outside : emit('Reshape', [outside, shapeOf(value)]))
    }
  },
}
