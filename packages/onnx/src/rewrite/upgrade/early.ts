import { attributeOf, createAttribute, floatOf, intOf, stringOf } from '../../proto/attribute.js'
import { dataType } from '../../proto/dataType.js'
import type { TensorProto } from '../../proto/onnx_pb.js'
import { realTensor } from '../../proto/tensor.js'
import {
  add,
  constantOf,
  dropAttributes,
  floatsOf,
  ints,
  refuseUpgrade,
  type Upgrade,
  type UpgradeRule,
  type UpgradeRules,
} from './context.js'

// Versions 2 to 10. What each changed is in ONNX's Changelog.md.

/** Renames an attribute. */
function renamed(from: string, to: string): UpgradeRule {
  return ({ node, push }) => {
    for (const attribute of node.attribute) if (attribute.name === from) attribute.name = to
    push(node)
  }
}

/** The power of a norm was a real number. */
const wholePower: UpgradeRule = ({ node, push }) => {
  const power = attributeOf(node, 'p')
  if (power) {
    const p = floatOf(node, 'p', 2)
    if (!Number.isInteger(p)) refuseUpgrade(node, `its norm of power ${p} is not whole`)
    dropAttributes(node, 'p')
    node.attribute.push(createAttribute('p', p))
  }
  push(node)
}

/** The lengths of the parts were an input. */
const splitLengths: UpgradeRule = (upgrade) => {
  const { node, push } = upgrade
  const [x, lengths = ''] = node.input
  if (lengths !== '') {
    const split = constantOf(upgrade, lengths)
    if (!split) refuseUpgrade(node, 'the lengths of its parts are computed')
    node.attribute.push(createAttribute('split', split))
  }
  node.input = [x!]
  if (!attributeOf(node, 'axis')) node.attribute.push(createAttribute('axis', 0))
  push(node)
}

const concat: UpgradeRule = ({ node, push }) => {
  if (!attributeOf(node, 'axis')) node.attribute.push(createAttribute('axis', 1))
  push(node)
}

/** An attribute that becomes the second input. */
function intsAsInput(...names: readonly [string, ...string[]]): UpgradeRule {
  return (upgrade) => {
    const { node, push } = upgrade
    node.input = [node.input[0]!, ...names.map((name) => intsInput(upgrade, name))]
    while (node.input.at(-1) === '') node.input.pop()
    dropAttributes(node, ...names)
    push(node)
  }
}

function intsInput(upgrade: Upgrade, name: string): string {
  // Ends may be the largest number, which a double cannot hold.
  const given = attributeOf(upgrade.node, name)?.ints
  return given ? ints(upgrade, given) : ''
}

/** The types that an attribute named once. */
const typeNames: Readonly<Record<string, number>> = dataType

const cast: UpgradeRule = ({ node, push }) => {
  const to = attributeOf(node, 'to')
  if (to?.type === 3) {
    const name = stringOf(node, 'to', '').toLowerCase()
    const type = Object.hasOwn(typeNames, name) ? typeNames[name] : undefined
    if (type === undefined) refuseUpgrade(node, `there is no element type ${JSON.stringify(name)}`)
    dropAttributes(node, 'to')
    node.attribute.push(createAttribute('to', type))
  }
  push(node)
}

/** The constants of Selu had fewer digits. */
const selu: UpgradeRule = ({ node, push }) => {
  const [alpha, gamma] = [floatOf(node, 'alpha', 1.6732), floatOf(node, 'gamma', 1.0507)]
  dropAttributes(node, 'alpha', 'gamma')
  node.attribute.push(createAttribute('alpha', { float: alpha }), createAttribute('gamma', { float: gamma }))
  push(node)
}

/** Repeated one axis, which an input gave. */
const tile: UpgradeRule = (upgrade) => {
  const { node, push } = upgrade
  if (node.input.length === 3) {
    const [x = '', tiles, axis] = node.input
    const [count] = constantOf(upgrade, tiles) ?? []
    const [along] = constantOf(upgrade, axis) ?? []
    const rank = upgrade.rankOf(x)
    if (count === undefined || along === undefined || rank === undefined) {
      refuseUpgrade(node, 'the axis that it repeats is not known')
    }
    const repeats = Array.from({ length: rank }, (_, i) => (i === along ? count : 1))
    node.input = [x, ints(upgrade, repeats)]
  }
  push(node)
}

/**
 * Broadcasting was asked for, and the second operand's axes could match any of the first's. Since version 7 they match
 * the last ones.
 */
const broadcast: UpgradeRule = (upgrade) => {
  const { node, push, rankOf } = upgrade
  const [a = '', b = ''] = node.input
  const given = attributeOf(node, 'axis')
  const own = rankOf(b)
  if (intOf(node, 'broadcast', 0) !== 0 && given && own !== 0) {
    const rank = rankOf(a)
    if (rank === undefined || own === undefined) {
      refuseUpgrade(node, `the number of axes of ${JSON.stringify(rank === undefined ? a : b)} is not known`)
    }
    const axis = Number(given.i)
    const start = axis < 0 ? axis + rank : axis
    const trailing = Math.max(0, rank - start - own)
    if (trailing > 0) node.input = [a, trailed(upgrade, b, own, trailing)]
  }
  dropAttributes(node, 'axis', 'broadcast')
  push(node)
}

/** Adds axes of one element behind those of a value. */
function trailed(upgrade: Upgrade, name: string, rank: number, count: number): string {
  const axes = Array.from({ length: count }, (_, i) => rank + i)
  return add(upgrade, 'Unsqueeze', [name], { axes })
}

/** Slopes were per channel, the second axis; since version 7 they are broadcast from the right. */
const slopes: UpgradeRule = (upgrade) => {
  const { node, push, rankOf, types } = upgrade
  const [x = '', slope = ''] = node.input
  const extents = types.get(slope).shape
  if (extents?.length === 1 && extents[0] !== 1) {
    const rank = rankOf(x)
    if (rank === undefined) refuseUpgrade(node, `the number of axes of ${JSON.stringify(x)} is not known`)
    if (rank > 2) node.input = [x, trailed(upgrade, slope, 1, rank - 2)]
  }
  push(node)
}

/** Whether the node is for inference was its own attribute. */
function without(...names: readonly string[]): UpgradeRule {
  return ({ node, push }) => {
    dropAttributes(node, ...names)
    push(node)
  }
}

/** Had no list of scales, but those of height and width. */
const upsampleScales: UpgradeRule = ({ node, push }) => {
  if (!attributeOf(node, 'scales')) {
    const scales = [1, 1, floatOf(node, 'height_scale', 1), floatOf(node, 'width_scale', 1)]
    dropAttributes(node, 'height_scale', 'width_scale')
    node.attribute.push(createAttribute('scales', { floats: scales }))
  }
  if (stringOf(node, 'mode', 'nearest') === 'bilinear') {
    dropAttributes(node, 'mode')
    node.attribute.push(createAttribute('mode', 'linear'))
  }
  push(node)
}

/** The statistics could be those of each position; since version 9 they are those of the channels. */
const positions: UpgradeRule = (upgrade) => {
  const { node, push, constant } = upgrade
  if (intOf(node, 'spatial', 1) !== 0) {
    dropAttributes(node, 'spatial')
    push(node)
    return
  }
  const [x, scale, bias, mean, variance] = node.input as [string, string, string, string, string]
  if (node.output.filter((name) => name !== '').length > 1) {
    refuseUpgrade(node, 'it returns statistics of single positions (spatial = 0)')
  }
  const epsilon = constant(epsilonTensor(floatOf(node, 'epsilon', 1e-5)))
  const deviation = add(upgrade, 'Sqrt', [add(upgrade, 'Add', [variance, epsilon])])
  const normalized = add(upgrade, 'Div', [add(upgrade, 'Sub', [x, mean]), deviation])
  add(upgrade, 'Add', [add(upgrade, 'Mul', [normalized, scale]), bias], {}, node.output[0])
}

const upsampleInput: UpgradeRule = ({ node, push, constant }) => {
  const scales = floatsOf(node, 'scales')
  if (scales) node.input = [node.input[0]!, constant(scaleTensor(scales))]
  dropAttributes(node, 'scales')
  push(node)
}

const upsample: UpgradeRule = ({ node, push }) => {
  node.opType = 'Resize'
  push(node)
}

const topK: UpgradeRule = (upgrade) => {
  const { node, push } = upgrade
  if (attributeOf(node, 'k')) node.input = [node.input[0]!, ints(upgrade, [intOf(node, 'k', 1)])]
  dropAttributes(node, 'k')
  push(node)
}

/** Starts, ends and axes were attributes. */
const slice: UpgradeRule = (upgrade) => {
  if (attributeOf(upgrade.node, 'starts')) intsAsInput('starts', 'ends', 'axes')(upgrade)
  else upgrade.push(upgrade.node)
}

const scan: UpgradeRule = ({ node }) =>
  refuseUpgrade(node, 'Scan had a batch in version 8, and has none since')

function epsilonTensor(value: number): TensorProto {
  return realTensor('', [value], dataType.float)
}

function scaleTensor(scales: readonly number[]): TensorProto {
  return realTensor('', scales, dataType.float, [scales.length])
}

/** Removes the attributes that all operators had in version 1. */
const plain = without('consumed_inputs')
const elementwise = ['Add', 'Sub', 'Mul', 'Div', 'Pow', 'And', 'Or', 'Xor', 'Equal', 'Greater', 'Less']

/** Rules by the version that changed an operator. */
export const early: Readonly<Record<number, UpgradeRules>> = {
  2: { Pad: renamed('paddings', 'pads'), LpPool: wholePower, GlobalLpPool: wholePower, Split: splitLengths },
  4: { Concat: concat },
  5: { Reshape: intsAsInput('shape') },
  6: {
    ...Object.fromEntries(
      (
        'Abs Add BatchNormalization Ceil Clip Div Dropout Elu Exp Floor HardSigmoid InstanceNormalization LeakyRelu ' +
        'Log Max Mean Min Mul Neg PRelu Reciprocal Relu Sigmoid Sqrt Sub Sum Tanh'
      )
        .split(' ')
        .map((opType) => [opType, plain]),
    ),
    Selu: (upgrade) => {
      dropAttributes(upgrade.node, 'consumed_inputs')
      selu(upgrade)
    },
    Cast: cast,
    Tile: tile,
  },
  7: {
    ...Object.fromEntries(elementwise.map((opType) => [opType, broadcast])),
    Gemm: without('broadcast'),
    PRelu: slopes,
    // Exporters wrote the attribute of version 1 for longer than it was there.
    BatchNormalization: without('is_test', 'consumed_inputs'),
    Dropout: without('is_test'),
    ...Object.fromEntries(['RNN', 'GRU', 'LSTM'].map((opType) => [opType, without('output_sequence')])),
    Upsample: upsampleScales,
  },
  9: { BatchNormalization: positions, Upsample: upsampleInput, Scan: scan },
  10: { Slice: slice, TopK: topK, Upsample: upsample },
}
