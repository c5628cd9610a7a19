import { intOf } from '../proto/attribute.js'
import { canonicalDomain } from '../proto/model.js'
import type { GraphProto, NodeProto } from '../proto/onnx_pb.js'
import { readTensor } from '../proto/tensor.js'
import type { ValueTypes } from '../rewrite/valueTypes.js'

/**
 * Removes nodes whose result is their input: the provider copies the buffer for them, and when a captured graph is replayed, such
 * copies are missing.
 *
 * @param graph is changed; nodes that make its outputs stay
 */
export function removeCopies(graph: GraphProto, types: ValueTypes): void {
  const outputs = new Set(graph.output.map(({ name }) => name))
  const renamed = new Map<string, string>()
  const kept: NodeProto[] = []
  for (const node of graph.node) {
    node.input = node.input.map((name) => renamed.get(name) ?? name)
    const [source = '', result = ''] = [node.input[0], node.output[0]]
    if (!outputs.has(result) && canonicalDomain(node.domain) === '' && isCopy(node, types)) {
      renamed.set(result, source)
    } else kept.push(node)
  }
  graph.node = kept
}

function isCopy(node: NodeProto, types: ValueTypes): boolean {
  const [before, after] = [types.get(node.input[0] ?? ''), types.get(node.output[0] ?? '')]
  const isSameShape =
    before.shape?.every((extent, axis) => typeof extent === 'number' && extent === after.shape?.[axis]) ===
      true && before.shape.length === after.shape?.length
  switch (node.opType) {
    case 'Identity':
      return true
    case 'Cast':
      return before.dataType !== undefined && before.dataType === after.dataType
    case 'Expand':
    case 'Reshape':
      return isSameShape
    default:
      return isEmptyReduction(node, types)
  }
}

/** Whether a node reduces no axis. */
function isEmptyReduction(node: NodeProto, types: ValueTypes): boolean {
  if (!/^Reduce(Sum|Mean|Max|Min|Prod)$/.test(node.opType) || intOf(node, 'noop_with_empty_axes', 0) === 0)
    return false
  const axes = types.constant(node.input[1] ?? '')
  return axes !== undefined && readTensor(axes).data.length === 0
}
