import type { TypedArray } from '../../dtype.js'
import type { HostMatrixOp } from '../../graph/algebra.js'
import type { Graph } from '../../graph/graph.js'
import { symmetricEigen } from '../../graph/eigen.js'
import { hostMatrix } from '../../graph/linearAlgebra.js'
import type { TensorBinding } from './binding.js'
import type { HostedStage, TensorLocation } from './codegen/stages.js'
import { elementCount, rowsOf } from './extents.js'

/**
 * Computes the tensors of a stage on the host, in double precision.
 *
 * @param elements a view of the memory
 * @param indexOf the index of a tensor's first element in it
 * @param values the values of scalar nodes
 */
export function runHostedStage(
  graph: Graph,
  { results, operands }: HostedStage,
  binding: TensorBinding,
  elements: TypedArray,
  indexOf: (location: TensorLocation) => number,
  values: Float64Array,
): void {
  const [first, second] = results
  const { op } = graph.nodes[first!.node]!
  const n = rowsOf(first!.shape, binding)
  if (op === 'identity') {
    const start = indexOf(first!.to)
    elements.fill(0, start, start + n * n)
    for (let i = 0; i < n; i++) elements[start + i * (n + 1)] = 1
    return
  }
  const given = operands.map(({ node, shape, location }) => {
    if (location === undefined) return [values[node]!]
    const start = indexOf(location)
    return elements.subarray(start, start + elementCount(shape, binding))
  })
  if (second) {
    const both = symmetricEigen(given[0]!, n)
    for (const { node, to } of results) {
      elements.set(graph.nodes[node]!.op === 'eigenvalues' ? both.values : both.vectors, indexOf(to))
    }
    return
  }
  elements.set(hostMatrix(op as HostMatrixOp, n, given), indexOf(first!.to))
}
