import {
  attributeOf,
  createAttribute,
  floatOf,
  intOf,
  intsOf,
  optionalIntOf,
  stringOf,
} from '../../proto/attribute.js'
import { dataType } from '../../proto/dataType.js'
import { createNode } from '../../proto/node.js'
import { realTensor } from '../../proto/tensor.js'
import {
  add,
  constantOf,
  dropAttributes,
  ints,
  realsLike,
  refuseUpgrade,
  type Upgrade,
  type UpgradeRule,
  type UpgradeRules,
} from './context.js'

// Versions 11 to 22. What each changed is in ONNX's Changelog.md.

/** The bounds were attributes. */
const clip: UpgradeRule = (upgrade) => {
  const { node, push } = upgrade
  const [x = ''] = node.input
  const bounds = ['min', 'max'].map((name) =>
    attributeOf(node, name) ? realsLike(upgrade, x, [floatOf(node, name, 0)]) : '',
  )
  node.input = [x, ...bounds]
  while (node.input.at(-1) === '') node.input.pop()
  dropAttributes(node, 'min', 'max')
  push(node)
}

/** The extents and the value were attributes. */
const pad: UpgradeRule = (upgrade) => {
  const { node, push } = upgrade
  const [x = ''] = node.input
  const value = floatOf(node, 'value', 0)
  node.input = [x, ints(upgrade, intsOf(node, 'pads') ?? [])]
  if (value !== 0 && stringOf(node, 'mode', 'constant') === 'constant') {
    node.input.push(realsLike(upgrade, x, [value]))
  }
  dropAttributes(node, 'pads', 'value')
  push(node)
}

/**
 * Positions were divided by the scales. The nearest was the one before, or behind where the axis shrinks, as ONNX
 * Runtime computes it; since version 11 one rule holds for all axes, so those that shrink take a node of their own.
 */
const resize: UpgradeRule = (upgrade) => {
  const { node, push } = upgrade
  const [x = '', scales = ''] = node.input
  const mode = stringOf(node, 'mode', 'nearest')
  const known = constantOf(upgrade, scales)
  const asymmetric = { mode, coordinate_transformation_mode: 'asymmetric' }
  const [output = ''] = node.output
  const resized = (from: string, by: string, nearest: string, to: string): void =>
    push(
      createNode('Resize', [from, '', by], [to], {
        ...asymmetric,
        ...(mode === 'nearest' && { nearest_mode: nearest }),
      }),
    )
  const isMixed = known?.some((scale) => scale < 1) && known.some((scale) => scale > 1)
  if (mode !== 'nearest' || !known || !isMixed) {
    resized(x, scales, known?.some((scale) => scale < 1) ? 'ceil' : 'floor', output)
    return
  }
  const list = (keep: (scale: number) => boolean): string =>
    upgrade.constant(
      realTensor(
        '',
        known.map((scale) => (keep(scale) ? scale : 1)),
        dataType.float,
        [known.length],
      ),
    )
  const shrunk = upgrade.fresh(`${output}/shrunk`)
  resized(
    x,
    list((scale) => scale < 1),
    'ceil',
    shrunk,
  )
  resized(
    shrunk,
    list((scale) => scale >= 1),
    'floor',
    output,
  )
}

const scatter: UpgradeRule = ({ node, push }) => {
  node.opType = 'ScatterElements'
  push(node)
}

/** Since version 12 the ratio is an input, and dropping must be requested. */
const dropout: UpgradeRule = ({ node, constant, push }) => {
  if (attributeOf(node, 'ratio')) {
    node.input = [node.input[0]!, constant(realTensor('', [floatOf(node, 'ratio', 0.5)], dataType.float))]
    dropAttributes(node, 'ratio')
  }
  push(node)
}

/** The axes, or the lengths of the parts, become an input. */
function asInput(attribute: string): UpgradeRule {
  return (upgrade) => {
    const { node, push } = upgrade
    const given = intsOf(node, attribute)
    if (given && node.input.length < 2) node.input = [node.input[0]!, ints(upgrade, given)]
    dropAttributes(node, attribute)
    push(node)
  }
}

/** Before version 13, all axes from the given one on were normalised as one. */
const flattened: UpgradeRule = (upgrade) => {
  const { node, fresh, push } = upgrade
  const [x, y] = [node.input[0]!, node.output[0]!]
  const [rows, normalized, shape] = [fresh(`${y}/rows`), fresh(`${y}/normalized`), fresh(`${y}/shape`)]
  const axis = intOf(node, 'axis', 1)
  if (isLast(upgrade, x, axis)) {
    dropAttributes(node, 'axis')
    node.attribute.push(createAttribute('axis', -1))
    push(node)
    return
  }
  push(createNode('Flatten', [x], [rows], { axis }))
  push(createNode(node.opType, [rows], [normalized], { axis: 1 }))
  push(createNode('Shape', [x], [shape]))
  push(createNode('Reshape', [normalized, shape], [y]))
}

/** Whether an axis is the last of a value. */
function isLast({ rankOf }: Upgrade, name: string, axis: number): boolean {
  const rank = rankOf(name)
  return axis === -1 || (rank !== undefined && axis === rank - 1)
}

/** Since version 14 training must be requested, and returns the running statistics only. */
const batchNormalization: UpgradeRule = ({ node, push }) => {
  if (node.output.length > 1) {
    node.output = node.output.slice(0, 3)
    node.attribute.push(createAttribute('training_mode', 1))
  }
  push(node)
}

/** Since version 16 regions are half a pixel further. */
const roiAlign: UpgradeRule = ({ node, push }) => {
  if (!attributeOf(node, 'coordinate_transformation_mode')) {
    node.attribute.push(createAttribute('coordinate_transformation_mode', 'output_half_pixel'))
  }
  push(node)
}

/** Since version 18 equal parts are counted. */
const split: UpgradeRule = ({ node, push }) => {
  if ((node.input[1] ?? '') === '') node.attribute.push(createAttribute('num_outputs', node.output.length))
  push(node)
}

const gridModes: Readonly<Record<string, string>> = { bilinear: 'linear', bicubic: 'cubic' }

const gridSample: UpgradeRule = ({ node, push }) => {
  const mode = stringOf(node, 'mode', 'bilinear')
  dropAttributes(node, 'mode')
  node.attribute.push(createAttribute('mode', gridModes[mode] ?? mode))
  push(node)
}

const fourier: UpgradeRule = (upgrade) => {
  const { node, push } = upgrade
  const axis = optionalIntOf(node, 'axis') ?? 1
  const scalar = add(upgrade, 'Squeeze', [ints(upgrade, [axis])])
  dropAttributes(node, 'axis')
  node.input = [node.input[0]!, node.input[1] ?? '', scalar]
  push(node)
}

/** Scale and bias were those of the groups; since version 21 they are those of the channels. */
const groupNormalization: UpgradeRule = (upgrade) => {
  const { node, push, types } = upgrade
  const [x = '', ...others] = node.input
  const channels = types.get(x).shape?.[1]
  const groups = intOf(node, 'num_groups', 1)
  if (typeof channels !== 'number') refuseUpgrade(node, 'the number of channels is not known')
  const shape = ints(upgrade, [groups, channels / groups])
  node.input = [
    x,
    ...others.map((name) => {
      const column = add(upgrade, 'Unsqueeze', [name, ints(upgrade, [1])])
      return add(upgrade, 'Reshape', [add(upgrade, 'Expand', [column, shape]), ints(upgrade, [-1])])
    }),
  ]
  push(node)
}

const reductions = 'L1 L2 LogSum LogSumExp Max Mean Min Prod SumSquare'.split(' ')

/** Rules by the version that changed an operator. */
export const late: Readonly<Record<number, UpgradeRules>> = {
  11: { Clip: clip, Pad: pad, Resize: resize, Scatter: scatter },
  12: { Dropout: dropout },
  13: {
    Squeeze: asInput('axes'),
    Unsqueeze: asInput('axes'),
    ReduceSum: asInput('axes'),
    Split: asInput('split'),
    Softmax: flattened,
    LogSoftmax: flattened,
    Hardmax: flattened,
  },
  14: { BatchNormalization: batchNormalization },
  16: { RoiAlign: roiAlign },
  18: {
    ...Object.fromEntries(reductions.map((name) => [`Reduce${name}`, asInput('axes')])),
    Split: split,
  },
  20: { GridSample: gridSample, DFT: fourier },
  21: { GroupNormalization: groupNormalization },
}
