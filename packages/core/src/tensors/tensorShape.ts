import type { PlannedParameter } from '../step/plan.js'

/** The shape of a parameter's tensors in its graph: that of the matrix which it is to its base, or its own. */
export function tensorShape({ isMatrix, rows, columns, shape }: PlannedParameter): readonly number[] {
  return isMatrix ? [rows, columns] : shape
}

/** Whether a parameter is a matrix to its base, and has other axes itself. */
export function isReshaped({ isMatrix, shape }: PlannedParameter): boolean {
  return isMatrix && shape.length !== 2
}
