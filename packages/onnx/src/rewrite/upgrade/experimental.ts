import { attributeOf, floatOf, intOf, intsOf } from '../../proto/attribute.js'
import { dataType } from '../../proto/dataType.js'
import { createNode } from '../../proto/node.js'
import { int64Tensor, realTensor } from '../../proto/tensor.js'
import {
  add,
  floatsOf,
  realsLike,
  refuseUpgrade,
  type Upgrade,
  type UpgradeRule,
  type UpgradeRules,
} from './context.js'

/** y = scale·x + offset. */
function scaled(upgrade: Upgrade, scale: number, offset: readonly number[]): void {
  const { node } = upgrade
  const [x = ''] = node.input
  const product = add(upgrade, 'Mul', [x, realsLike(upgrade, x, [scale])])
  const dims = offset.length === 1 ? [] : [offset.length, 1, 1]
  add(upgrade, 'Add', [product, realsLike(upgrade, x, offset, dims)], {}, node.output[0])
}

const imageScaler: UpgradeRule = (upgrade) => {
  const { node } = upgrade
  scaled(upgrade, floatOf(node, 'scale', 1), floatsOf(node, 'bias') ?? [0])
}

/** Cuts a border off the last two axes, or a window of a given size out of them. */
const crop: UpgradeRule = (upgrade) => {
  const { node, push } = upgrade
  const [left, top, right, bottom] = intsOf(node, 'border') ?? []
  if (left === undefined || top === undefined) refuseUpgrade(node, 'it has no border')
  const size = intsOf(node, 'scale')
  const ends = size ? [top + size[0]!, left + size[1]!] : [-(bottom ?? 0), -(right ?? 0)]
  // An end of −0 would be the start.
  const until = ends.map((end) => (end === 0 ? 2 ** 31 - 1 : end))
  // In the form of its time, with attributes. The rules of later versions make inputs of them.
  push(createNode('Slice', [node.input[0]], node.output, { starts: [top, left], ends: until, axes: [2, 3] }))
}

const scaledTanh: UpgradeRule = (upgrade) => {
  const { node } = upgrade
  const [x = ''] = node.input
  const inner = add(upgrade, 'Mul', [x, realsLike(upgrade, x, [floatOf(node, 'beta', 0.5)])])
  const factor = realsLike(upgrade, x, [floatOf(node, 'alpha', 1)])
  add(upgrade, 'Mul', [add(upgrade, 'Tanh', [inner]), factor], {}, node.output[0])
}

/** y = alpha·ln(1 + exp(beta·x)). */
const parametricSoftplus: UpgradeRule = (upgrade) => {
  const { node } = upgrade
  const [x = ''] = node.input
  const inner = add(upgrade, 'Mul', [x, realsLike(upgrade, x, [floatOf(node, 'beta', 1)])])
  const factor = realsLike(upgrade, x, [floatOf(node, 'alpha', 1)])
  add(upgrade, 'Mul', [add(upgrade, 'Softplus', [inner]), factor], {}, node.output[0])
}

const constantFill: UpgradeRule = (upgrade) => {
  const { node, push } = upgrade
  const shape = intsOf(node, 'shape')
  const type = intOf(node, 'dtype', dataType.float)
  if (type !== dataType.float || attributeOf(node, 'extra_shape')) {
    refuseUpgrade(node, 'only fills of float without extra_shape are supported')
  }
  const value = realTensor('', [floatOf(node, 'value', 0)], dataType.float, [1])
  const [given = ''] = node.input
  const target = shape
    ? upgrade.constant(int64Tensor('', shape))
    : intOf(node, 'input_as_shape', 0) === 0
      ? add(upgrade, 'Shape', [given])
      : given
  push(createNode('ConstantOfShape', [target], node.output, { value }))
}

const givenTensor: UpgradeRule = ({ node, push }) => {
  const [values, shape] = [floatsOf(node, 'values') ?? [], intsOf(node, 'shape') ?? []]
  push(createNode('Constant', [], node.output, { value: realTensor('', values, dataType.float, shape) }))
}

/** Since version 9 it has axes; before, it was experimental. */
const meanVariance: UpgradeRule = ({ node, push }) => {
  const isAcross = intOf(node, 'across_channels', 0) !== 0
  const known = attributeOf(node, 'across_channels') ?? attributeOf(node, 'normalize_variance')
  if (known && intOf(node, 'normalize_variance', 1) === 0) {
    refuseUpgrade(node, 'it leaves the variance as it is')
  }
  if (known) {
    push(createNode(node.opType, node.input, node.output, { axes: isAcross ? [0, 1, 2, 3] : [0, 2, 3] }))
  } else push(node)
}

/**
 * Operators that were in ONNX's own domain once, as experiments, and that exporters of that time wrote. They were
 * removed with version 9 or before.
 */
export const experimental: UpgradeRules = {
  Affine: (upgrade) => {
    scaled(upgrade, floatOf(upgrade.node, 'alpha', 1), [floatOf(upgrade.node, 'beta', 0)])
  },
  ConstantFill: constantFill,
  Crop: crop,
  GivenTensorFill: givenTensor,
  ImageScaler: imageScaler,
  MeanVarianceNormalization: meanVariance,
  ParametricSoftplus: parametricSoftplus,
  ScaledTanh: scaledTanh,
}
