import type { MatrixRows } from '@induced-metric/core'
import { intOf } from '../proto/attribute.js'
import type { NodeProto } from '../proto/onnx_pb.js'

/**
 * Finds the meaning of a weight matrix's rows (inputs or outputs) from the first node that multiplies by it.
 *
 * @param nodes in topological order
 * @param name the matrix
 * @returns `undefined` if no product, and no look-up of rows, reads it
 */
export function matrixRows(nodes: readonly NodeProto[], name: string): MatrixRows | undefined {
  /** Names of the matrix, and whether each is its transpose. */
  const transposed = new Map([[name, false]])
  const rows = (isTransposed: boolean, plain: MatrixRows): MatrixRows => {
    const flipped = plain === 'inputs' ? 'outputs' : 'inputs'
    return isTransposed ? flipped : plain
  }
  for (const node of nodes) {
    const place = node.input.findIndex((input) => transposed.has(input))
    if (place === -1) continue
    const isTransposed = transposed.get(node.input[place]!)!
    switch (node.opType) {
      case 'MatMul':
        // x·W has in × out, W·x has out × in.
        return rows(isTransposed, place === 1 ? 'inputs' : 'outputs')
      case 'Gemm':
      case 'FusedMatMul': {
        if (place > 1) break
        const flips = intOf(node, place === 1 ? 'transB' : 'transA', 0) !== 0
        return rows(isTransposed !== flips, place === 1 ? 'inputs' : 'outputs')
      }
      case 'Gather':
        // A table of embeddings: looking up a row multiplies the table by a one-hot row.
        if (place === 0) return rows(isTransposed, 'inputs')
        break
      case 'Transpose':
        transposed.set(node.output[0]!, !isTransposed)
        break
      case 'Identity':
      case 'Cast':
        transposed.set(node.output[0]!, isTransposed)
    }
  }
  return undefined
}
