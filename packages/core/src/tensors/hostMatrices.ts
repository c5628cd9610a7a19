import type { HostMatrixOp } from '../graph/algebra.js'
import { symmetricEigen, type Eigen } from '../graph/eigen.js'
import { hostMatrix } from '../graph/linearAlgebra.js'

/** Computes an operation on matrices on the host. Its operands are a square matrix and scalars. */
export type HostMatrix<V> = (op: HostMatrixOp, operands: readonly V[]) => V

/** How the host gets at the values of tensors. */
export interface HostAccess<T> {
  /** The values of a tensor, row-major. It waits for the device. */
  readonly read: (tensor: T) => ArrayLike<number>
  /** A new tensor of the element type of another. */
  readonly from: (values: Float64Array, shape: readonly number[], like: T) => T
}

/** Prepares the operations on matrices for tensors that are read from the device and put back. */
export function createHostMatrix<T extends object>({ read, from }: HostAccess<T>): HostMatrix<T | number> {
  // Eigenvalues and eigenvectors of one matrix are asked for one after the other.
  const known = new WeakMap<T, Eigen>()
  const eigenOf = (matrix: T): Eigen => {
    let eigen = known.get(matrix)
    if (eigen === undefined) {
      const values = read(matrix)
      known.set(matrix, (eigen = symmetricEigen(values, extentOf(values))))
    }
    return eigen
  }
  return (op, operands) => {
    const [matrix, ...scalars] = operands as [T, ...(T | number)[]]
    if (op === 'eigenvalues') {
      const { values } = eigenOf(matrix)
      return from(values, [values.length, 1], matrix)
    }
    const values = op === 'eigenvectors' ? eigenOf(matrix).vectors : compute(matrix, op, scalars)
    return from(values, [extentOf(values), extentOf(values)], matrix)
  }
  function compute(matrix: T, op: HostMatrixOp, scalars: readonly (T | number)[]): Float64Array {
    const values = read(matrix)
    const numbers = scalars.map((x) => (typeof x === 'number' ? [x] : read(x)))
    return hostMatrix(op, extentOf(values), [values, ...numbers])
  }
}

/** The number of rows of a square matrix. */
function extentOf({ length }: ArrayLike<number>): number {
  return Math.round(Math.sqrt(length))
}
