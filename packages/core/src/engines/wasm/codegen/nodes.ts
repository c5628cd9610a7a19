import type { Extent, Shape } from '../../../graph/algebra.js'
import type { Graph } from '../../../graph/graph.js'

/** Whether a shape is that of a vector, with one number for each row or column of a matrix. */
export function isVectorShape(shape: Shape): shape is Extent {
  return shape === 'rows' || shape === 'columns'
}

/** Whether a node is a vector of sums, or of largest elements, of the lines of a matrix. */
export function isReduction({ nodes }: Graph, i: number): boolean {
  switch (nodes[i]!.op) {
    case 'rowSums':
    case 'columnSums':
    case 'rowMax':
    case 'columnMax':
      return true
    default:
      return false
  }
}

/** Whether the host makes a node's tensor. */
export function isHosted({ nodes }: Graph, i: number): boolean {
  switch (nodes[i]!.op) {
    case 'identity':
    case 'eigenvalues':
    case 'eigenvectors':
    case 'qr':
    case 'inverseRoot':
      return true
    default:
      return false
  }
}

/** Whether a node's tensor is computed by a stage of its own, and kept in scratch memory. */
export function isBarrier(graph: Graph, i: number): boolean {
  const { op } = graph.nodes[i]!
  return op === 'matmul' || op === 'transpose' || isHosted(graph, i)
}

/** Whether a node needs whole tensors before it has a value. */
export function needsWhole(graph: Graph, i: number): boolean {
  return graph.nodes[i]!.op === 'sum' || isReduction(graph, i) || isBarrier(graph, i)
}
