import { intsOf, stringOf } from '../proto/attribute.js'
import { dataType } from '../proto/dataType.js'
import { freshNames, namesIn } from '../proto/graph.js'
import { canonicalDomain, type Model } from '../proto/model.js'
import { createNode } from '../proto/node.js'
import type { GraphProto, NodeProto, TensorProto } from '../proto/onnx_pb.js'
import { int64Tensor, readTensor, realTensor } from '../proto/tensor.js'
import { withFields } from '../rewrite/declare.js'
import type { ValueTypes } from '../rewrite/valueTypes.js'
import type { Ort } from '../runtime/ort.js'
import { inferTypes } from './runtimeTypes.js'

/** A resized axis. */
interface Axis {
  readonly axis: number
  readonly scale: number
  /** Its new extent, if the scale is exactly the ratio of two extents. */
  readonly size: number | undefined
  /** Whether the runtime infers another extent. */
  readonly isMisjudged: boolean
}

/**
 * Replaces scales of a Resize by sizes where the runtime infers another extent than it computes. Its kernel multiplies
 * extent and scale in float, its inference in double: 10 pixels times 1.3 are 13 in the one and 12 in the other. Only
 * scales that are exactly the ratio of two extents are replaced, so that the result stays the same. Axes with other scales
 * are resized before, by a node of their own.
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

/** Replaces scales whose extents are inferred wrongly. Returns whether there were any. */
function replaceScales(graph: GraphProto, types: ValueTypes): boolean {
  const fresh = freshNames(namesIn(graph))
  const constant = (tensor: TensorProto): string => {
    graph.initializer.push(tensor)
    return tensor.name
  }
  let isChanged = false
  graph.node = graph.node.flatMap((node) => {
    const axes = axesOf(node, types)
    if (!axes?.some(({ isMisjudged }) => isMisjudged)) return [node]
    isChanged = true
    const label = node.output[0]!
    const made: NodeProto[] = []
    const [given = '', roi = ''] = node.input
    let x = given
    const others = axes.map(({ scale, size }) => (size === undefined ? scale : 1))
    if (others.some((scale) => scale !== 1)) {
      const partly = fresh(`${label}/partly`)
      const scales = constant(realTensor(fresh(`${label}/scales`), others, dataType.float, [others.length]))
      made.push(
        withFields(node, { name: fresh(`${node.name}/partly`), input: [x, roi, scales], output: [partly] }),
      )
      x = partly
    }
    const sizes = fresh(`${label}/sizes`)
    if (axes.every(({ size }) => size !== undefined)) {
      constant(
        int64Tensor(
          sizes,
          axes.map(({ size }) => size!),
        ),
      )
    } else {
      const shape = fresh(`${label}/shape`)
      made.push(createNode('Shape', [x], [shape]))
      const parts = axes.map(({ axis, size }) => {
        if (size !== undefined) return constant(int64Tensor(fresh(`${label}/size`), [size]))
        const own = fresh(`${label}/extent`)
        made.push(createNode('Gather', [shape, constant(int64Tensor(fresh(`${label}/axis`), [axis]))], [own]))
        return own
      })
      made.push(createNode('Concat', parts, [sizes], { axis: 0 }))
    }
    node.input = [x, roi, '', sizes]
    return [...made, node]
  })
  return isChanged
}

/** The axes of a node that resizes by constant scales. */
function axesOf(node: NodeProto, types: ValueTypes): Axis[] | undefined {
  if (node.opType !== 'Resize' || canonicalDomain(node.domain) !== '') return undefined
  const scales = types.constant(node.input[2] ?? '')
  const from = types.get(node.input[0]!).shape
  if (scales === undefined || from === undefined || (node.input[3] ?? '') !== '') return undefined
  if (stringOf(node, 'coordinate_transformation_mode', '') === 'tf_crop_and_resize') return undefined
  const factors = Array.from(readTensor(scales).data as Float32Array)
  const axes = intsOf(node, 'axes') ?? from.map((_, axis) => axis)
  if (factors.length !== axes.length) return undefined
  return factors.map((scale, index) => {
    const given = axes[index]!
    const axis = given < 0 ? given + from.length : given
    const extent = from[axis]
    if (typeof extent !== 'number') return { axis, scale, size: undefined, isMisjudged: false }
    const computed = Math.trunc(Math.fround(extent * scale))
    const size = Math.fround(computed / extent) === scale ? computed : undefined
    return { axis, scale, size, isMisjudged: size !== undefined && size !== Math.floor(extent * scale) }
  })
}
