import {
  createModel,
  createNode as node,
  createTensor,
  createValue as value,
  dataType,
  int64Tensor,
  type AttributeValue,
  type Model,
  type NodeProto,
  type TensorProto,
} from '@induced-metric/onnx/proto'
import { drawn, tensor, type Tensor } from '../../../onnx/test/gradients/harness.js'

// Small models whose formulas are written out, as exporters write them: the patterns that the runtime's graph
// optimiser fuses.

/** A part of a network: from `h` to `b`. */
export interface Block {
  readonly nodes: readonly NodeProto[]
  /** Initializers of a real type: parameters, unless they are settings. */
  readonly values?: Readonly<Record<string, Tensor>>
  /** Initializers of whole numbers. */
  readonly ints?: Readonly<Record<string, readonly number[]>>
}

/** The network around a block. */
export interface Surroundings {
  /** The extents of x. Default [5, 4]; the first is a symbol. */
  readonly input?: readonly number[]
  /** The layer before the block: `dense` (default) maps the last axis to 8, `none` passes x on. */
  readonly before?: 'dense' | 'none'
  /** The extents of the block's output beyond the first. Default [8]. */
  readonly output?: readonly number[]
  readonly type?: number
  readonly opset?: number
}

const op = (
  opType: string,
  inputs: string,
  output: string,
  attributes: Readonly<Record<string, AttributeValue>> = {},
): NodeProto => node(opType, inputs.split(' '), output.split(' '), attributes)

/** One number; without dims a scalar. */
const number = (given: number, dims: readonly number[] = [], type: number = dataType.float): Tensor =>
  tensor(dims, Array<number>(dims.reduce((a, b) => a * b, 1)).fill(given), type)
const vector = (seed: number, low = 0.5, high = 2, size = 8, type: number = dataType.float): Tensor =>
  drawn([size], seed, { low, high, type })

/** x → dense → block → head → y. The block's values are small, so that an epsilon matters. */
export function networkOf(block: Block, surroundings: Surroundings = {}): Model {
  const { input = [5, 4], before = 'dense', output = [8], type = dataType.float, opset = 17 } = surroundings
  const features = output.reduce((a, b) => a * b, 1)
  const real = (dims: readonly number[], seed: number, size: number): Tensor =>
    drawn(dims, seed, { low: -size, high: size, type })
  const values: Record<string, Tensor> = {
    ...(before === 'dense' && { 'dense.weight': real([input.at(-1)!, 8], 1, 0.05) }),
    ...block.values,
    'head.weight': real([features, 3], 2, 1),
    'head.bias': real([3], 3, 1),
  }
  return createModel({
    nodes: [
      before === 'dense' ? op('MatMul', 'x dense.weight', 'h') : op('Identity', 'x', 'h'),
      ...block.nodes,
      op('Flatten', 'b', 'flat'),
      op('Gemm', 'flat head.weight head.bias', 'y'),
    ],
    inputs: [value('x', type, ['batch', ...input.slice(1)])],
    outputs: [value('y', type, ['batch', 3])],
    initializers: [
      ...Object.entries(values).map(([name, { dims, dataType: own, data }]) =>
        createTensor(name, dims, own, data),
      ),
      ...Object.entries(block.ints ?? {}).map(([name, given]) => int64Tensor(name, given)),
    ],
    opset,
  })
}

/** Options of a written-out normalisation. */
export interface NormalizationOptions {
  readonly epsilon?: Tensor
  /** The source of epsilon: an initializer (default), a node, or one through another node. */
  readonly from?: 'initializer' | 'Constant' | 'Cast' | 'Identity'
  /** Whether it is the first of the two addends. */
  readonly first?: boolean
  readonly exponent?: number
  /** The operator that squares. */
  readonly square?: 'Pow' | 'Mul'
  readonly type?: number
  /** The prefix of the names. */
  readonly prefix?: string
  readonly from0?: string
  readonly to?: string
}

/** The constant epsilon, as an exporter might write it. */
function epsilonOf(options: NormalizationOptions, name: string): Block {
  const { epsilon = number(1e-3), from = 'initializer' } = options
  const given: TensorProto = createTensor('', epsilon.dims, epsilon.dataType, epsilon.data)
  switch (from) {
    case 'initializer':
      return { nodes: [], values: { [name]: epsilon } }
    case 'Constant':
      return { nodes: [node('Constant', [], [name], { value: given })] }
    case 'Cast':
      return {
        nodes: [op('Cast', `${name}.given`, name, { to: options.type ?? dataType.float })],
        values: { [`${name}.given`]: epsilon },
      }
    case 'Identity':
      return { nodes: [op('Identity', `${name}.given`, name)], values: { [`${name}.given`]: epsilon } }
  }
}

function axesOf(opset: number): { input: string; attributes: Record<string, AttributeValue> } {
  return opset < 18 ? { input: '', attributes: { axes: [-1] } } : { input: ' axes', attributes: {} }
}

/** LayerNorm (centred) or RMSNorm, written out. */
export function normalization(centered: boolean, options: NormalizationOptions = {}, opset = 17): Block {
  const { first = false, exponent = 2, square = 'Pow', prefix = 'norm', from0 = 'h', to = 'b' } = options
  const type = options.type ?? dataType.float
  const p = (name: string): string => `${prefix}.${name}`
  const { input, attributes } = axesOf(opset)
  const epsilon = epsilonOf(options, p('eps'))
  const x = centered ? p('d') : from0
  const squared = square === 'Pow' ? op('Pow', `${x} ${p('two')}`, p('sq')) : op('Mul', `${x} ${x}`, p('sq'))
  const scaled = centered ? p('scaled') : to
  return {
    nodes: [
      ...epsilon.nodes,
      ...(centered
        ? [
            op('ReduceMean', `${from0}${input}`, p('mean'), attributes),
            op('Sub', `${from0} ${p('mean')}`, p('d')),
          ]
        : []),
      squared,
      op('ReduceMean', `${p('sq')}${input}`, p('var'), attributes),
      op('Add', first ? `${p('eps')} ${p('var')}` : `${p('var')} ${p('eps')}`, p('stable')),
      op('Sqrt', p('stable'), p('sd')),
      op('Div', `${x} ${p('sd')}`, p('n')),
      op('Mul', `${p('n')} ${p('weight')}`, scaled),
      ...(centered ? [op('Add', `${scaled} ${p('bias')}`, to)] : []),
    ],
    values: {
      [p('weight')]: vector(11, 0.5, 2, 8, type),
      ...(centered && { [p('bias')]: vector(12, -1, 1, 8, type) }),
      ...(square === 'Pow' && { [p('two')]: number(exponent, [], type) }),
      ...epsilon.values,
    },
    ints: { ...(opset >= 18 && { axes: [-1] }) },
  }
}

function joined(...blocks: readonly Block[]): Block {
  return {
    nodes: blocks.flatMap(({ nodes }) => nodes),
    values: Object.assign({}, ...blocks.map(({ values }) => values ?? {})) as Record<string, Tensor>,
    ints: Object.assign({}, ...blocks.map(({ ints }) => ints ?? {})) as Record<string, number[]>,
  }
}

const image = { input: [3, 2, 6, 6], before: 'none' } as const
const kernel = (seed: number, outputs = 4, inputs = 2, size = 3): Tensor =>
  drawn([outputs, inputs, size, size], seed, { low: -0.5, high: 0.5, type: dataType.float })
const window = { kernel_shape: [3, 3], pads: [1, 1, 1, 1], strides: [1, 1] }
const perChannel = (seed: number, low = 0.5, high = 2): Tensor =>
  drawn([1, 4, 1, 1], seed, { low, high, type: dataType.float })
const statistics = {
  scale: vector(21, 0.5, 2, 4),
  shift: vector(22, -1, 1, 4),
  mean: vector(23, -0.1, 0.1, 4),
  variance: vector(24, 0.01, 0.1, 4),
}
const double = dataType.double

/** Gelu by the error function, with its constants. */
function gelu(root: number, one = 1, half = 0.5): Block {
  return {
    nodes: [
      op('Div', 'h root', 'q'),
      op('Erf', 'q', 'e'),
      op('Add', 'e one', 'e1'),
      op('Mul', 'h half', 'hh'),
      op('Mul', 'hh e1', 'b'),
    ],
    values: { root: number(root), one: number(one), half: number(half) },
  }
}

/** Gelu by the hyperbolic tangent. */
function fastGelu(cubic: number, outer: number): Block {
  return {
    nodes: [
      op('Pow', 'h three', 'h3'),
      op('Mul', 'h3 cubic', 'k'),
      op('Add', 'h k', 's'),
      op('Mul', 's outer', 'o'),
      op('Tanh', 'o', 't'),
      op('Add', 't one', 't1'),
      op('Mul', 'h half', 'hh'),
      op('Mul', 'hh t1', 'b'),
    ],
    values: {
      three: number(3),
      cubic: number(cubic),
      outer: number(outer),
      one: number(1),
      half: number(0.5),
    },
  }
}

/** The models by name. */
export const blocks: readonly (readonly [string, Block, Surroundings?])[] = [
  ...([1e-3, 1e-6, 1e-12] as const).flatMap((epsilon) =>
    [true, false].map(
      (centered) =>
        [
          `${centered ? 'LayerNorm' : 'RMSNorm'} with epsilon ${epsilon}`,
          normalization(centered, { epsilon: number(epsilon) }),
        ] as const,
    ),
  ),
  ...(['Constant', 'Cast', 'Identity'] as const).flatMap((from) =>
    [true, false].map(
      (centered) =>
        [
          `${centered ? 'LayerNorm' : 'RMSNorm'} with epsilon from a ${from}`,
          normalization(centered, {
            epsilon: number(1e-3, [], from === 'Cast' ? double : dataType.float),
            from,
          }),
        ] as const,
    ),
  ),
  ['LayerNorm, epsilon added to', normalization(true, { from: 'Constant', first: true })],
  ['RMSNorm, epsilon added to', normalization(false, { from: 'Constant', first: true })],
  ['LayerNorm, an epsilon for each feature', normalization(true, { epsilon: vector(13, 1e-4, 1e-2) })],
  ['RMSNorm, an epsilon of one axis', normalization(false, { epsilon: number(1e-3, [1]) })],
  ['LayerNorm with the square a product', normalization(true, { square: 'Mul' })],
  ['RMSNorm with the square a product', normalization(false, { square: 'Mul' })],
  ['LayerNorm of fourth powers', normalization(true, { exponent: 4, epsilon: number(1e-5) })],
  ['RMSNorm of fourth powers', normalization(false, { exponent: 4, epsilon: number(1e-5) })],
  ['LayerNorm in opset 14', normalization(true, {}, 14), { opset: 14 }],
  ['LayerNorm in opset 18', normalization(true, {}, 18), { opset: 18 }],
  ['RMSNorm in opset 18', normalization(false, {}, 18), { opset: 18 }],
  [
    'LayerNorm of doubles',
    normalization(true, { type: double, epsilon: number(1e-3, [], double), from: 'Constant' }),
    { type: double },
  ],
  [
    'RMSNorm of doubles',
    normalization(false, { type: double, epsilon: number(1e-3, [], double), from: 'Constant' }),
    { type: double },
  ],
  [
    'two LayerNorms that share an epsilon',
    joined(normalization(true, { to: 'm' }), {
      ...normalization(true, { prefix: 'second', from0: 'm' }),
      nodes: normalization(true, { prefix: 'second', from0: 'm' }).nodes.map((given) => ({
        ...given,
        input: given.input.map((name) => (name === 'second.eps' ? 'norm.eps' : name)),
      })),
    }),
  ],
  [
    'a sum and LayerNorm',
    joined(
      { nodes: [op('Add', 'h skip', 'z')], values: { skip: vector(14, -0.02, 0.02) } },
      normalization(true, { from0: 'z' }),
    ),
    { input: [5, 2, 4], output: [2, 8] },
  ],
  [
    'LayerNormalization of a sum',
    {
      nodes: [
        op('Add', 'h bias', 'z'),
        op('Tanh', 'h', 't'),
        op('Add', 'z t', 'zt'),
        op('LayerNormalization', 'zt scale shift', 'b', { epsilon: { float: 1e-3 } }),
      ],
      values: { bias: vector(14, -0.02, 0.02), scale: vector(15), shift: vector(16, -1, 1) },
    },
    { input: [5, 2, 4], output: [2, 8] },
  ],
  ['Gelu', gelu(Math.SQRT2)],
  ['what is almost Gelu', gelu(1.3, 1.1, 0.6)],
  ['Gelu by the tangent', fastGelu(0.044715, 0.7978845834732056)],
  ['what is almost Gelu by the tangent', fastGelu(0.05, 0.8)],
  [
    'x·σ(αx)',
    {
      nodes: [op('Mul', 'h alpha', 'a'), op('Sigmoid', 'a', 's'), op('Mul', 'h s', 'b')],
      values: { alpha: number(1.702) },
    },
  ],
  [
    'x·σ(αx) with an α for each feature',
    {
      nodes: [op('Mul', 'h alpha', 'a'), op('Sigmoid', 'a', 's'), op('Mul', 'h s', 'b')],
      values: { alpha: vector(17) },
    },
  ],
  [
    'a product that is scaled',
    {
      nodes: [
        op('Mul', 'h scale', 'hs'),
        op('MatMul', 'hs w', 'p'),
        op('Div', 'p divisor', 'q'),
        op('Transpose', 'w', 'wt'),
        op('MatMul', 'q wt', 'b'),
      ],
      values: {
        scale: number(1.7),
        divisor: number(0.3),
        w: drawn([8, 8], 18, { low: -1, high: 1, type: dataType.float }),
      },
    },
  ],
  [
    'a product of doubles that is scaled',
    {
      nodes: [
        node('Constant', [], ['scale'], {
          value: createTensor('', [], double, Float64Array.of(0.1)),
        }),
        op('Mul', 'h scale', 'hs'),
        op('MatMul', 'hs w', 'p'),
        op('Div', 'p scale', 'b'),
      ],
      values: { w: drawn([8, 8], 18, { low: -1, high: 1, type: double }) },
    },
    { type: double },
  ],
  [
    'what would do nothing, were it constant',
    {
      nodes: [
        op('Add', 'h zero', 'a'),
        op('Mul', 'a one', 'm'),
        op('Div', 'one positive', 'r'),
        op('Mul', 'r m', 'q'),
        op('Relu', 'q', 'c'),
        op('Clip', 'c low high', 'b'),
      ],
      values: {
        zero: number(0.2),
        one: number(1.5),
        positive: vector(19),
        low: number(0.01),
        high: number(0.4),
      },
    },
  ],
  [
    'a dense layer whose bias is added, and a sum',
    {
      nodes: [
        op('MatMul', 'h w', 'p'),
        op('Add', 'p bias', 'z'),
        op('Gemm', 'z w', 'g'),
        op('Sum', 'g z', 'b'),
      ],
      values: {
        w: drawn([8, 8], 18, { low: -1, high: 1, type: dataType.float }),
        bias: vector(20, -1, 1),
      },
    },
  ],
  [
    'a dense layer and BatchNormalization',
    {
      nodes: [op('MatMul', 'h w', 'p'), op('BatchNormalization', 'p scale shift mean variance', 'b')],
      values: { w: drawn([8, 4], 18, { low: -1, high: 1, type: dataType.float }), ...statistics },
    },
    { output: [4] },
  ],
  [
    'a softmax with a bias',
    { nodes: [op('Add', 'h bias', 'z'), op('Softmax', 'z', 'b')], values: { bias: vector(20, -1, 1) } },
  ],
  [
    'a convolution, BatchNormalization and Relu',
    {
      nodes: [
        op('Conv', 'h kernel', 'c', window),
        op('BatchNormalization', 'c scale shift mean variance', 'n', { epsilon: { float: 1e-3 } }),
        op('Relu', 'n', 'b'),
      ],
      values: { kernel: kernel(1), ...statistics },
    },
    { ...image, output: [4, 6, 6] },
  ],
  [
    'a convolution that is scaled and shifted, and a skip',
    {
      nodes: [
        op('Conv', 'h kernel offset', 'c', window),
        op('Mul', 'c factor', 'm'),
        op('Add', 'm addend', 'a'),
        op('Conv', 'a second', 'd', window),
        op('Add', 'd a', 's'),
        op('Clip', 's low high', 'b'),
      ],
      values: {
        kernel: kernel(1),
        offset: vector(2, -1, 1, 4),
        factor: perChannel(3),
        addend: perChannel(4, -1, 1),
        second: kernel(5, 4, 4),
        low: number(-0.5),
        high: number(0.7),
      },
    },
    { ...image, output: [4, 6, 6] },
  ],
  ...(['Conv', 'MaxPool', 'AveragePool'] as const).map(
    (opType) =>
      [
        `padding with zeros, and ${opType}`,
        {
          nodes: [
            op('Pad', 'h pads', 'padded'),
            op(opType, opType === 'Conv' ? 'padded kernel' : 'padded', 'b', {
              ...window,
              pads: [0, 0, 0, 0],
            }),
          ],
          values: opType === 'Conv' ? { kernel: kernel(1) } : {},
          ints: { pads: [0, 0, 1, 1, 0, 0, 1, 1] },
        },
        { ...image, output: [opType === 'Conv' ? 4 : 2, 6, 6] },
      ] as const,
  ),
  [
    'attention with a mask, and rotated halves',
    {
      nodes: [
        op('Split', 'h', 'left right', { axis: -1 }),
        op('Neg', 'right', 'minus'),
        op('Concat', 'minus left', 'rotated', { axis: -1 }),
        op('Mul', 'h cosine', 'hc'),
        op('Mul', 'rotated sine', 'hs'),
        op('Add', 'hc hs', 'q'),
        op('MatMul', 'q wk', 'k'),
        op('Transpose', 'k', 'kt', { perm: [0, 2, 1] }),
        op('MatMul', 'q kt', 'scores'),
        op('Div', 'scores root', 'scaled'),
        op('Add', 'scaled mask', 'masked'),
        op('Softmax', 'masked', 'weights', { axis: -1 }),
        op('MatMul', 'weights h', 'mixed'),
        op('Add', 'mixed h', 'b'),
      ],
      values: {
        cosine: drawn([2, 8], 25, { low: -1, high: 1, type: dataType.float }),
        sine: drawn([2, 8], 26, { low: -1, high: 1, type: dataType.float }),
        wk: drawn([8, 8], 27, { low: -1, high: 1, type: dataType.float }),
        root: number(0.1),
        mask: tensor([2, 2], [0, -3, 0, 0], dataType.float),
      },
    },
    { input: [5, 2, 4], output: [2, 8] },
  ],
]
