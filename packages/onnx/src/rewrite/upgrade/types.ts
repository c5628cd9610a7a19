import { intsOf } from '../../proto/attribute.js'
import { canonicalDomain } from '../../proto/model.js'
import type { GraphProto, NodeProto } from '../../proto/onnx_pb.js'
import { own } from '../../own.js'
import { withFields } from '../declare.js'
import { applyTypeRules } from '../typeRules.js'
import { valueTypes, type ValueTypes } from '../valueTypes.js'

/** The number of axes of a node's first output. */
type RankRule = (
  rankOf: (index: number) => number | undefined,
  node: NodeProto,
  types: ValueTypes,
) => number | undefined

const same: RankRule = (rankOf) => rankOf(0)

const ranks: Readonly<Record<string, RankRule>> = {
  ...Object.fromEntries(
    (
      'Concat Pad Slice Split GlobalAveragePool GlobalMaxPool GlobalLpPool LpPool ConvTranspose InstanceNormalization ' +
      'LRN PRelu ThresholdedRelu Upsample Resize Hardmax LpNormalization DepthToSpace SpaceToDepth Affine ImageScaler ' +
      'Crop ScaledTanh ParametricSoftplus Tile Dropout Not'
    )
      .split(' ')
      .map((opType) => [opType, same]),
  ),
  Reshape: (_, node, types) => {
    const attribute = intsOf(node, 'shape')
    const [extent] = types.get(node.input[1] ?? '').shape ?? []
    return attribute?.length ?? (typeof extent === 'number' ? extent : undefined)
  },
  Squeeze: (rankOf, node) => {
    const [rank, axes] = [rankOf(0), intsOf(node, 'axes')]
    return rank === undefined || axes === undefined ? undefined : rank - axes.length
  },
  Unsqueeze: (rankOf, node) => {
    const [rank, axes] = [rankOf(0), intsOf(node, 'axes')]
    return rank === undefined || axes === undefined ? undefined : rank + axes.length
  },
  Gather: (rankOf) => {
    const [data, indices] = [rankOf(0), rankOf(1)]
    return data === undefined || indices === undefined ? undefined : data - 1 + indices
  },
}

/**
 * The element types and the numbers of axes of a graph's values, as far as they follow without the runtime, which
 * does not read the oldest models.
 *
 * @param outer the types of the graph around it
 */
export function knownTypes(graph: GraphProto, outer?: ValueTypes): ValueTypes {
  const inner = valueTypes(graph)
  const types: ValueTypes = {
    ...inner,
    get: (name) => {
      const known = inner.get(name)
      return known.dataType === undefined && known.shape === undefined ? (outer?.get(name) ?? known) : known
    },
    constant: (name) => inner.constant(name) ?? outer?.constant(name),
  }
  for (const node of graph.node) {
    applyTypeRules(withFields(graph, { node: [node] }), types)
    const [output = ''] = node.output
    const rule = canonicalDomain(node.domain) === '' ? own(ranks, node.opType) : undefined
    if (!rule || output === '' || types.get(output).shape) continue
    const rankOf = (index: number): number | undefined => types.get(node.input[index] ?? '').shape?.length
    const rank = rule(rankOf, node, types)
    const { dataType } = types.get(node.input[0] ?? '')
    types.add(output, {
      dataType,
      ...(rank !== undefined && { shape: Array.from({ length: rank }, () => undefined) }),
    })
  }
  return types
}
