import { attributeOf, intOf } from '../proto/attribute.js'
import { canonicalDomain } from '../proto/model.js'
import type { GraphProto, NodeProto } from '../proto/onnx_pb.js'
import { readTensor } from '../proto/tensor.js'
import { own } from '../own.js'
import { applyTypeRule } from '../rewrite/typeRules.js'
import type { Extent, ValueTypes } from '../rewrite/valueTypes.js'

/** Shapes have few elements. */
const longest = 16

/**
 * Follows symbolic extents through the parts of a graph that compute shapes: the runtime does not, so that behind a
 * Reshape to a computed shape `batch` would be an extent of its own, and gradients would have to find out at every step
 * whether something was broadcast.
 *
 * @param graph its nodes in order of computation
 * @param types gets the extents that are found
 */
export function followSymbols(graph: GraphProto, types: ValueTypes): void {
  const contents = new Map<string, readonly Extent[]>()
  const contentOf = (name: string | undefined): readonly Extent[] | undefined => {
    if (name === undefined || name === '') return undefined
    return contents.get(name) ?? constantContent(types, name)
  }
  for (const node of graph.node) {
    const [output = ''] = node.output
    if (output === '' || canonicalDomain(node.domain) !== '') continue
    const content = own(readers, node.opType)?.(node, contentOf, types)
    if (content !== undefined && content.length <= longest) contents.set(output, content)
    applyTypeRule(node, types)
    const shape = own(shapers, node.opType)?.(node, contentOf, types)
    if (shape) for (const name of node.output) if (name !== '') types.add(name, { shape })
  }
}

/** The elements of a small constant of int64. */
function constantContent(types: ValueTypes, name: string): readonly Extent[] | undefined {
  const tensor = types.constant(name)
  if (tensor?.dataType !== 7 || tensor.dims.length > 1 || (tensor.dims[0] ?? 1n) > longest) return undefined
  return Array.from(readTensor(tensor).data as BigInt64Array, Number)
}

type Reader = (
  node: NodeProto,
  contentOf: (name: string | undefined) => readonly Extent[] | undefined,
  types: ValueTypes,
) => readonly Extent[] | undefined

const same: Reader = ({ input }, contentOf) => contentOf(input[0])

/** The results of operators that compute with shapes. */
const readers: Readonly<Record<string, Reader>> = {
  Identity: same,
  Squeeze: same,
  Unsqueeze: same,
  Cast: (node, contentOf, types) => (intOf(node, 'to', 0) === 7 ? same(node, contentOf, types) : undefined),
  Shape(node, _, types) {
    const end = attributeOf(node, 'end')
    const { shape } = types.get(node.input[0] ?? '')
    return shape?.slice(intOf(node, 'start', 0), end ? Number(end.i) : undefined)
  },
  Gather(node, contentOf) {
    const [content, indices] = [contentOf(node.input[0]), contentOf(node.input[1])]
    if (!content || !indices || intOf(node, 'axis', 0) !== 0) return undefined
    return indices.map((index) => (typeof index === 'number' ? content.at(index) : undefined))
  },
  Slice(node, contentOf) {
    const [content, starts, ends, axes, steps] = node.input.map(contentOf)
    const [start, end] = [starts?.[0], ends?.[0]]
    const isPlain = (node.input[3] ?? '') === '' || axes?.[0] === 0
    const isDense = (node.input[4] ?? '') === '' || steps?.[0] === 1
    if (!content || typeof start !== 'number' || typeof end !== 'number' || !isPlain || !isDense)
      return undefined
    return content.slice(start, end)
  },
  Concat(node, contentOf, types) {
    const parts = node.input.map((name) => {
      const content = contentOf(name)
      if (content) return content
      const count = types.get(name).shape?.[0]
      return typeof count === 'number' && count <= longest
        ? Array.from({ length: count }, (): Extent => undefined)
        : undefined
    })
    return parts.every((part) => part !== undefined) ? parts.flat() : undefined
  },
}

/** The shapes that operators give beyond those of the type rules. */
const shapers: Readonly<Record<string, Reader>> = {
  /** 0 in its target keeps an extent, and −1 is left to the runtime. */
  Reshape(node, contentOf, types) {
    const before = types.get(node.input[0] ?? '').shape
    const keeps = intOf(node, 'allowzero', 0) === 0
    return contentOf(node.input[1])?.map((extent, axis) => {
      if (extent === -1) return undefined
      return extent === 0 && keeps ? before?.[axis] : extent
    })
  },
  /** As many numbers as its limit says, if it counts from 0 by 1. */
  Range({ input }, contentOf) {
    const [start, limit, step] = input.map(contentOf)
    return start?.[0] === 0 && step?.[0] === 1 && limit?.length === 1 ? limit : undefined
  },
  Unsqueeze({ input }, contentOf, types) {
    const { shape } = types.get(input[0] ?? '')
    const axes = contentOf(input[1])
    if (!shape || !axes?.every((axis) => typeof axis === 'number')) return undefined
    const rank = shape.length + axes.length
    const added = new Set(axes.map((axis) => (axis < 0 ? axis + rank : axis)))
    const rest = [...shape]
    return Array.from({ length: rank }, (_, axis): Extent => (added.has(axis) ? 1 : rest.shift()))
  },
  Gather(node, _, types) {
    const [data, indices] = node.input.map((name) => types.get(name).shape)
    if (!data || !indices) return undefined
    const given = intOf(node, 'axis', 0)
    const axis = given < 0 ? given + data.length : given
    return [...data.slice(0, axis), ...indices, ...data.slice(axis + 1)]
  },
  /** Its parts differ along one axis, which is left to the runtime. */
  Split(node, _, types) {
    const { shape } = types.get(node.input[0] ?? '')
    const given = intOf(node, 'axis', 0)
    return shape?.map((extent, i) => (i === (given < 0 ? given + shape.length : given) ? undefined : extent))
  },
}
