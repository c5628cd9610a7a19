import { dataType } from '../proto/dataType.js'
import { subgraphsOf } from '../proto/graph.js'
import { fromHalf } from '../proto/half.js'
import type { Model } from '../proto/model.js'
import type { AttributeProto, GraphProto, TensorProto } from '../proto/onnx_pb.js'
import { createTensor, dimsOf, readTensor } from '../proto/tensor.js'
import { withFields } from './declare.js'

const { float, float16, bfloat16 } = dataType

/** Attributes that name an element type. */
const typeAttributes = new Set(['to', 'dtype', 'output_dtype', 'stash_type', 'softmax_precision'])

function isHalf(type: number): boolean {
  return type === float16 || type === bfloat16
}

/** A bfloat16 is the upper half of a float. */
function fromBrainFloats(bits: ArrayLike<number | bigint>): Float32Array {
  return new Float32Array(Uint32Array.from(bits, (one) => Number(one) << 16).buffer)
}

function widened(tensor: TensorProto): TensorProto {
  const { data } = readTensor(tensor)
  const values =
    tensor.dataType === float16 ? Float32Array.from(data as Uint16Array, fromHalf) : fromBrainFloats(data)
  const { name, docString } = tensor
  return withFields(createTensor(name, dimsOf(tensor), float, values), { docString })
}

/**
 * Makes float32 of all that is float16 or bfloat16 in a model: constants, inputs, outputs and casts. Processors have few
 * kernels for these types.
 *
 * @param model is changed
 * @returns how many constants were widened
 */
export function widenHalves({ graph }: Model): number {
  let count = 0
  const widen = (tensor: TensorProto): TensorProto => {
    if (!isHalf(tensor.dataType)) return tensor
    count++
    return widened(tensor)
  }
  const inAttribute = (attribute: AttributeProto): void => {
    if (attribute.t) attribute.t = widen(attribute.t)
    attribute.tensors = attribute.tensors.map(widen)
    if (typeAttributes.has(attribute.name) && isHalf(Number(attribute.i))) attribute.i = BigInt(float)
  }
  const visit = (inner: GraphProto): void => {
    inner.initializer = inner.initializer.map(widen)
    for (const { type } of [...inner.input, ...inner.output, ...inner.valueInfo]) {
      if (type?.value.case === 'tensorType' && isHalf(type.value.value.elemType))
        type.value.value.elemType = float
    }
    for (const node of inner.node) {
      node.attribute.forEach(inAttribute)
      subgraphsOf(node).forEach(visit)
    }
  }
  visit(graph)
  return count
}
