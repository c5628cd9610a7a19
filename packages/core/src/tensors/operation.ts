import { isHostMatrixOp, isVector, type Extent, type Op } from '../graph/algebra.js'
import { unsupported } from '../errors.js'
import type { GraphNode } from '../graph/graph.js'
import type { Lowering } from './backend.js'
import type { HostMatrix } from './hostMatrices.js'

/** Operations on the values of an evaluation: tensors, tensors and numbers, or the names of values in a model. */
export interface ValueBackend<V> {
  readonly lowering: Lowering<V>
  /** Computes an operation on a matrix on the host. Leave it out where the host cannot read values. */
  readonly hostMatrix?: HostMatrix<V> | undefined
  /** A constant of a graph, which is a scalar. */
  constant(value: number): V
  /** Frees an intermediate value after its last use. Leave it out if something else does that. */
  free?(value: V): void
  /** Copies a value. Leave it out if two names for one value do no harm. */
  copy?(value: V): V
}

/** The operations whose result is a vector, and the extent that it has where it comes out of a lowering as it should. */
const vectorOps: Readonly<Partial<Record<Op, Extent>>> = {
  rowSums: 'rows',
  rowMax: 'rows',
  eigenvalues: 'rows',
  columnSums: 'columns',
  columnMax: 'columns',
}

/** Whether a result comes out of a lowering as a row where it should be a column, or as a column where it should be a row. */
function isTurned({ op, shape }: GraphNode): boolean {
  return isVector(shape) && (vectorOps[op] ?? shape) !== shape
}

/**
 * Runs the operation of a node. A vector of rows is a column everywhere, and one of columns a row: it is transposed where it
 * meets a matrix of columns × rows, and where it is made of a matrix that has its axes in another order.
 *
 * @param operands the values of the node's inputs
 * @throws ERR_NOT_SUPPORTED for an operation on a matrix, where the host cannot read it
 */
export function runOperation<V>(
  nodes: readonly GraphNode[],
  node: GraphNode,
  operands: readonly V[],
  backend: ValueBackend<V>,
): V {
  const turned: V[] = []
  const turn = (value: V): V => {
    turned.push(backend.lowering.transpose(value))
    return turned.at(-1)!
  }
  const given =
    node.shape === 'columns,rows'
      ? operands.map((value, i) => (isVector(nodes[node.inputs[i]!]!.shape) ? turn(value) : value))
      : operands
  let result = run(node.op, given, backend)
  if (isTurned(node)) {
    turned.push(result)
    result = backend.lowering.transpose(result)
  }
  if (backend.free) for (const value of turned) backend.free(value)
  return result
}

function run<V>(op: Op, operands: readonly V[], { lowering, hostMatrix }: ValueBackend<V>): V {
  if (!isHostMatrixOp(op)) return lowering[op === 'when' ? 'select' : (op as keyof Lowering<V>)](...operands)
  if (hostMatrix) return hostMatrix(op, operands)
  throw unsupported(`${op} of a matrix is computed on the host, which cannot read the matrix here`)
}
