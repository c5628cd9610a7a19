import { intsOf, stringOf } from '../proto/attribute.js'
import { freshNames, namesIn } from '../proto/graph.js'
import { canonicalDomain, type Model } from '../proto/model.js'
import { createNode } from '../proto/node.js'
import type { GraphProto, NodeProto } from '../proto/onnx_pb.js'
import { int64Tensor, readTensor } from '../proto/tensor.js'
import type { ValueTypes } from '../rewrite/valueTypes.js'
import type { Ort } from '../runtime/ort.js'
import { inferTypes } from './runtimeTypes.js'

/** A resized axis: its new extent, which is `undefined` where it keeps the one that it has at run time. */
interface Size {
  readonly axis: number
  readonly extent: number | undefined
}

/**
 * Replaces the scales of a Resize by sizes where the runtime infers another extent than it computes. Its kernel multiplies
 * extent and scale in float, its inference in double: 10 pixels times 1.3 are 13 in the one and 12 in the other. The
 * result stays the same bit for bit, because only scales that are exactly the ratio of two extents are replaced.
 *
 * @param model is changed
 * @param types those of the model's values
 * @returns the types afterwards
 */
export async function sizeResizes(model: Model, types: ValueTypes, ort: Ort): Promise<ValueTypes> {
  let known = types
  while (replaceScales(model.graph, known)) known = await inferTypes(model, ort)
  return known
}

/** Replaces the scales of nodes whose inferred extents are wrong. Returns whether there were any. */
function replaceScales(graph: GraphProto, types: ValueTypes): boolean {
  const fresh = freshNames(namesIn(graph))
  let isChanged = false
  graph.node = graph.node.flatMap((node) => {
    const sizes = sizesOf(node, types)
    const inferred = types.get(node.output[0]!).shape
    if (!sizes?.some(({ axis, extent }) => isOther(extent, inferred?.[axis]))) return [node]
    isChanged = true
    const [x, roi = ''] = node.input
    const constant = (hint: string, values: readonly number[]): string => {
      const name = fresh(`${node.output[0]!}/${hint}`)
      graph.initializer.push(int64Tensor(name, values))
      return name
    }
    if (sizes.every(({ extent }) => extent !== undefined)) {
      node.input = [
        x!,
        roi,
        '',
        constant(
          'sizes',
          sizes.map(({ extent }) => extent!),
        ),
      ]
      return [node]
    }
    const [shape, list] = [fresh(`${x!}/shape`), fresh(`${node.output[0]!}/sizes`)]
    const made = [createNode('Shape', [x!], [shape])]
    const parts = sizes.map(({ axis, extent }) => {
      if (extent !== undefined) return constant('size', [extent])
      const own = fresh(`${x!}/extent`)
      made.push(createNode('Gather', [shape, constant('axis', [axis])], [own]))
      return own
    })
    node.input = [x!, roi, '', list]
    return [...made, createNode('Concat', parts, [list], { axis: 0 }), node]
  })
  return isChanged
}

const isOther = (extent: number | undefined, inferred: unknown): boolean =>
  extent !== undefined && typeof inferred === 'number' && extent !== inferred

/** The sizes to which a node's constant scales are equivalent, if they are. */
function sizesOf(node: NodeProto, types: ValueTypes): Size[] | undefined {
  if (node.opType !== 'Resize' || canonicalDomain(node.domain) !== '') return undefined
  const scales = types.constant(node.input[2] ?? '')
  const from = types.get(node.input[0]!).shape
  if (scales === undefined || from === undefined || (node.input[3] ?? '') !== '') return undefined
  if (stringOf(node, 'coordinate_transformation_mode', '') === 'tf_crop_and_resize') return undefined
  const axes = intsOf(node, 'axes') ?? from.map((_, axis) => axis)
  const factors = readTensor(scales).data as Float32Array
  if (factors.length !== axes.length) return undefined
  const sizes = axes.map((given, index) =>
    sizeOf(given < 0 ? given + from.length : given, factors[index]!, from),
  )
  return sizes.every((size) => size !== undefined) ? sizes : undefined
}

function sizeOf(axis: number, factor: number, from: readonly unknown[]): Size | undefined {
  const own = from[axis]
  if (typeof own !== 'number') return factor === 1 ? { axis, extent: undefined } : undefined
  const extent = Math.trunc(Math.fround(own * factor))
  return Math.fround(extent / own) === factor ? { axis, extent } : undefined
}
