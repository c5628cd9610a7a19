import { isVector, type Extent, type Op } from '../graph/algebra.js'
import type { GraphNode } from '../graph/graph.js'
import type { Lowering } from './backend.js'

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
 * meets a matrix of columns × rows, and where it is made of a matrix that has the axes in another order.
 *
 * @param operands the values of the node's inputs
 * @param free frees an intermediate value
 */
export function runOperation<V>(
  nodes: readonly GraphNode[],
  node: GraphNode,
  operands: readonly V[],
  lowering: Lowering<V>,
  free: ((value: V) => void) | undefined,
): V {
  const run = lowering[node.op as keyof Lowering<V>]
  const made: V[] = []
  const turn = (value: V): V => {
    const turned = lowering.transpose(value)
    made.push(turned)
    return turned
  }
  const given =
    node.shape === 'columns,rows'
      ? operands.map((value, i) => (isVector(nodes[node.inputs[i]!]!.shape) ? turn(value) : value))
      : operands
  let result = run(...given)
  if (isTurned(node)) {
    made.push(result)
    result = lowering.transpose(result)
  }
  if (free) made.forEach(free)
  return result
}
