import { zerosOf } from '../rewrite/operations.js'
import { intOf, stringOf } from '../proto/attribute.js'
import type { Attributes } from '../proto/node.js'
import type { GradientContext, GradientRule } from './context.js'

/** dX is dY, with zeros where updates replaced elements; dU is the part of dY at the updated positions. */
function scattered(context: GradientContext, gatherer: string, attributes: Attributes): void {
  const { node, emit, give, wants, required, requiredGradient, shapeOf, realTypeOf, refuse } = context
  const [dY, indices, updates] = [requiredGradient(0), required(1), required(2)]
  const reduction = stringOf(node, 'reduction', 'none')
  if (reduction !== 'none' && reduction !== 'add') refuse(`reduction ${reduction} is not supported`)
  if (wants(0)) {
    const zeros = (): string => zerosOf(context, shapeOf(updates), realTypeOf(updates, dY))
    give(0, reduction === 'add' ? dY : emit(node.opType, [dY, indices, zeros()], attributes))
  }
  if (wants(2)) give(2, emit(gatherer, [dY, indices], attributes))
}

export const scatter: Readonly<Record<string, GradientRule>> = {
  ScatterElements(context) {
    scattered(context, 'GatherElements', { axis: intOf(context.node, 'axis', 0) })
  },
  ScatterND(context) {
    scattered(context, 'GatherND', {})
  },
}
