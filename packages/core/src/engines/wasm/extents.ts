import type { Shape } from '../../graph/algebra.js'
import type { TensorBinding } from './binding.js'
import { isVectorShape } from './codegen/nodes.js'
import type { MatmulStage } from './codegen/stages.js'

/** The rows of a matrix whose shape is derived from a parameter's. */
export function rowsOf(shape: Shape, { rows, columns }: TensorBinding): number {
  return shape.startsWith('rows') ? rows : columns
}

/** The columns of such a matrix. */
export function columnsOf(shape: Shape, { rows, columns }: TensorBinding): number {
  return shape.endsWith('rows') ? rows : columns
}

/** The number of elements of a tensor. */
export function elementCount(shape: Shape, binding: TensorBinding): number {
  if (shape === 'tensor') return binding.size
  return isVectorShape(shape) ? binding[shape] : rowsOf(shape, binding) * columnsOf(shape, binding)
}

/** p, q and r of a product of p × q and q × r. */
export function productExtents({ a, shape }: MatmulStage, binding: TensorBinding): [number, number, number] {
  const q = (a.transposed ? rowsOf : columnsOf)(a.shape, binding)
  return [rowsOf(shape, binding), q, columnsOf(shape, binding)]
}
