import { attributeOf, intsOf, optionalIntOf, stringOf } from '../proto/attribute.js'
import type { Attributes } from '../proto/node.js'
import type { NodeProto } from '../proto/onnx_pb.js'

/** The attributes of the convolution within a fused node, which has them under the same names. */
export function convolutionAttributes(node: NodeProto): Attributes {
  return {
    auto_pad: attributeOf(node, 'auto_pad') && stringOf(node, 'auto_pad', 'NOTSET'),
    dilations: intsOf(node, 'dilations'),
    group: optionalIntOf(node, 'group'),
    kernel_shape: intsOf(node, 'kernel_shape'),
    pads: intsOf(node, 'pads'),
    strides: intsOf(node, 'strides'),
  }
}
