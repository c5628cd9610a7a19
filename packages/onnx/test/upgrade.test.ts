import { create } from '@bufbuild/protobuf'
import { describe, expect, it } from 'vitest'
import {
  AttributeProtoSchema,
  type Attributes,
  createModel,
  createNode as node,
  createValue,
  dataType,
  int64Tensor,
  type Model,
  type NodeProto,
  opsetOf,
  readModel,
  realTensor,
  type TensorProto,
  writeModel,
} from '../src/proto/index.js'
import { raiseOpset } from '../src/rewrite/upgrade/index.js'
import { relativeError, runModel, type PlainTensor } from './run.js'

const { float, int64, bool, double } = dataType
const codes: Readonly<Record<string, number>> = { float32: float, int64, bool, float64: double }

/** Numbers of either sign, none of them twice. */
function numbers(dims: readonly number[], seed = 1): PlainTensor {
  const size = dims.reduce((a, b) => a * b, 1)
  return { dims, data: Array.from({ length: size }, (_, i) => 2 * Math.sin(seed * 7.3 + i * 1.618)) }
}

function real(dims: readonly number[], seed = 2): TensorProto {
  return realTensor('', numbers(dims, seed).data, float, dims)
}

interface Case {
  readonly nodes: readonly NodeProto[]
  readonly inputs: Readonly<Record<string, PlainTensor>>
  readonly constants?: Readonly<Record<string, TensorProto>>
  readonly outputs?: readonly string[]
}

function modelOf(opset: number, { nodes, inputs, constants = {}, outputs = ['y'] }: Case): Model {
  return createModel({
    nodes,
    inputs: Object.entries(inputs).map(([name, { type = 'float32', dims }]) =>
      createValue(name, codes[type]!, dims),
    ),
    outputs: outputs.map((name) => createValue(name, float)),
    initializers: Object.entries(constants).map(([name, tensor]) => Object.assign(tensor, { name })),
    opset,
  })
}

function raised(model: Model, to: number): Model {
  const copy = readModel(writeModel(model))
  raiseOpset(copy, to)
  expect(opsetOf(copy)).toBe(to)
  return copy
}

/** Outputs of unknown type cannot be declared: the runtime finds the types of those without. */
function untyped(model: Model): Model {
  for (const output of model.graph.output) delete output.type
  return model
}

/** The same results, within the rounding of other kernels, as the runtime gives for the model as it was. */
async function same(
  opset: number,
  given: Case,
  targets: readonly number[] = [14, 17, 18, 22],
): Promise<void> {
  const model = untyped(modelOf(opset, given))
  const wanted = await runModel(model, given.inputs, 'disabled')
  for (const to of targets) {
    const results = await runModel(raised(model, to), given.inputs, 'disabled')
    expect(Object.keys(results)).toEqual(Object.keys(wanted))
    for (const [name, { dims, data }] of Object.entries(results)) {
      expect(dims).toEqual(wanted[name]!.dims)
      expect(relativeError(data, wanted[name]!.data), `${name} in version ${to}`).toBeLessThan(1e-6)
    }
  }
}

const x = (dims: readonly number[]): Readonly<Record<string, PlainTensor>> => ({ x: numbers(dims) })
const image = x([2, 3, 6, 5])
const one = (opType: string, attributes: Attributes = {}, inputs = ['x']): NodeProto[] => [
  node(opType, inputs, ['y'], attributes),
]

describe('operators of older versions, raised, compute what the runtime computes of them as they are', () => {
  it.each<[string, number, Case]>([
    ['BatchNormalization', 7, batch(7)],
    ['BatchNormalization', 9, batch(9)],
    ['Clip with both bounds', 7, { nodes: one('Clip', { min: -0.5, max: 0.75 }), inputs: image }],
    ['Clip with one bound', 6, { nodes: one('Clip', { max: 0.75 }), inputs: image }],
    ['Clip without bounds', 10, { nodes: one('Clip'), inputs: image }],
    ['Dropout', 7, { nodes: one('Dropout', { ratio: 0.3 }), inputs: image }],
    ['Dropout', 10, { nodes: one('Dropout', { ratio: 0.3 }), inputs: image }],
    ['Flatten', 7, { nodes: one('Flatten', { axis: 2 }), inputs: image }],
    [
      'Gemm',
      7,
      {
        nodes: one('Gemm', { transB: 1, beta: 0.5 }, ['x', 'w', 'b']),
        inputs: x([2, 4]),
        constants: { w: real([3, 4]), b: real([3]) },
      },
    ],
    ['Hardmax', 7, { nodes: one('Hardmax', { axis: 2 }), inputs: image }],
    ['LogSoftmax', 7, { nodes: one('LogSoftmax', { axis: 2 }), inputs: image }],
    [
      'Max of many',
      8,
      {
        nodes: one('Max', {}, ['x', 'w', 'b']),
        inputs: image,
        constants: { w: real([5]), b: real([3, 1, 1]) },
      },
    ],
    [
      'OneHot',
      9,
      {
        nodes: [node('OneHot', ['i', 'd', 'v'], ['y'])],
        inputs: { i: { type: 'int64', dims: [3], data: [0, 2, 1] } },
        constants: { d: int64Tensor('', [4]), v: real([2]) },
      },
    ],
    ['Pad with zeros', 7, { nodes: one('Pad', { pads: [0, 0, 1, 2, 0, 0, 3, 0] }), inputs: image }],
    [
      'Pad with a value',
      10,
      { nodes: one('Pad', { pads: [0, 0, 1, -1, 0, 0, 3, 0], value: 1.5 }), inputs: image },
    ],
    [
      'Pad that reflects',
      7,
      { nodes: one('Pad', { mode: 'reflect', pads: [0, 0, 1, 2, 0, 0, 3, 0] }), inputs: image },
    ],
    ['PRelu', 7, { nodes: one('PRelu', {}, ['x', 'w']), inputs: image, constants: { w: real([3, 1, 1]) } }],
    ['ReduceMean', 7, { nodes: one('ReduceMean', { axes: [1, 3], keepdims: 0 }), inputs: image }],
    ['ReduceL2', 7, { nodes: one('ReduceL2', { axes: [2] }), inputs: image }],
    ['ReduceLogSumExp of everything', 7, { nodes: one('ReduceLogSumExp'), inputs: image }],
    ['ReduceSum', 7, { nodes: one('ReduceSum', { axes: [1, 3] }), inputs: image }],
    [
      'Scatter',
      9,
      {
        nodes: [node('Scatter', ['x', 'i', 'u'], ['y'], { axis: 1 })],
        inputs: x([2, 4]),
        constants: { i: int64Tensor('', [1, 0, 3, 2], [2, 2]), u: real([2, 2]) },
      },
    ],
    [
      'Slice to the end',
      9,
      { nodes: one('Slice', { starts: [1], ends: [2n ** 63n - 1n], axes: [2] }), inputs: image },
    ],
    ['Slice with all axes', 7, { nodes: one('Slice', { starts: [0, 1], ends: [1, 9] }), inputs: image }],
    [
      'Slice with chosen axes',
      9,
      { nodes: one('Slice', { axes: [3, 1], starts: [-3, 0], ends: [-1, 2] }), inputs: image },
    ],
    [
      'Slice',
      10,
      {
        nodes: one('Slice', {}, ['x', 's', 'e', 'a', 't']),
        inputs: image,
        constants: {
          s: int64Tensor('', [4]),
          e: int64Tensor('', [0]),
          a: int64Tensor('', [2]),
          t: int64Tensor('', [-2]),
        },
      },
    ],
    ['Softmax over the rest', 7, { nodes: one('Softmax'), inputs: image }],
    ['Softmax over the last', 10, { nodes: one('Softmax', { axis: 3 }), inputs: image }],
    [
      'Split into given parts',
      7,
      {
        nodes: [node('Split', ['x'], ['y', 'z'], { axis: 1, split: [1, 2] })],
        inputs: image,
        outputs: ['y', 'z'],
      },
    ],
    [
      'Split into equal parts',
      7,
      { nodes: [node('Split', ['x'], ['y', 'z', 'u'], { axis: 1 })], inputs: image, outputs: ['y', 'u'] },
    ],
    ['Squeeze', 7, { nodes: one('Squeeze', { axes: [1] }), inputs: x([2, 1, 3]) }],
    ['Unsqueeze', 7, { nodes: one('Unsqueeze', { axes: [0, 2] }), inputs: x([2, 3]) }],
    [
      'TopK',
      7,
      { nodes: [node('TopK', ['x'], ['y', 'z'], { k: 2, axis: 1 })], inputs: image, outputs: ['y', 'z'] },
    ],
    [
      'TopK',
      10,
      {
        nodes: [node('TopK', ['x', 'k'], ['y', 'z'], { axis: 1 })],
        inputs: image,
        constants: { k: int64Tensor('', [2]) },
        outputs: ['y', 'z'],
      },
    ],
    [
      'AveragePool',
      7,
      {
        nodes: one('AveragePool', { kernel_shape: [3, 2], pads: [1, 0, 1, 1], strides: [2, 1] }),
        inputs: image,
      },
    ],
    [
      'MaxPool',
      8,
      {
        nodes: one('MaxPool', { kernel_shape: [3, 2], auto_pad: 'SAME_UPPER', strides: [2, 1] }),
        inputs: image,
      },
    ],
    [
      'Upsample',
      7,
      { nodes: one('Upsample', { mode: 'nearest', scales: { floats: [1, 1, 2, 3] } }), inputs: image },
    ],
    [
      'Upsample by fractions',
      7,
      { nodes: one('Upsample', { mode: 'linear', scales: [1, 1, 1.5, 2.25] }), inputs: image },
    ],
    [
      'Upsample',
      9,
      {
        nodes: one('Upsample', { mode: 'nearest' }, ['x', 's']),
        inputs: image,
        constants: { s: realTensor('', [1, 1, 1.5, 2.25], float, [4]) },
      },
    ],
    ['Resize that shrinks', 10, resized('nearest', [1, 1, 0.6, 0.4])],
    ['Resize that grows', 10, resized('nearest', [1, 1, 1.7, 2.3])],
    ['Resize that does both', 10, resized('nearest', [1, 1, 1.7, 0.6])],
    ['Resize, linear', 10, resized('linear', [1, 1, 1.7, 0.6])],
    [
      'Cast',
      7,
      {
        nodes: [node('Cast', ['x'], ['i'], { to: int64 }), node('Cast', ['i'], ['y'], { to: float })],
        inputs: image,
      },
    ],
    [
      'ConstantOfShape',
      9,
      {
        nodes: [
          node('Shape', ['x'], ['s']),
          node('ConstantOfShape', ['s'], ['o'], { value: realTensor('', [2], float, [1]) }),
          node('Mul', ['x', 'o'], ['y']),
        ],
        inputs: image,
      },
    ],
  ])('%s of version %d', async (_, opset, given) => {
    await same(opset, given)
  })

  it.each<[string, number, number[], Case]>([
    [
      'RoiAlign',
      10,
      [14, 17, 18],
      {
        nodes: [
          node('RoiAlign', ['x', 'r', 'b'], ['y'], { output_height: 2, output_width: 2, sampling_ratio: 2 }),
        ],
        inputs: x([1, 1, 6, 6]),
        constants: { r: realTensor('', [0, 0, 4, 4, 1, 1, 5, 3], float, [2, 4]), b: int64Tensor('', [0, 0]) },
      },
    ],
    [
      'GridSample',
      16,
      [20, 22],
      {
        nodes: one('GridSample', { mode: 'bicubic' }, ['x', 'g']),
        inputs: { ...x([1, 2, 4, 4]), g: numbers([1, 3, 3, 2], 5) },
      },
    ],
    [
      'GridSample by default',
      16,
      [20],
      {
        nodes: one('GridSample', {}, ['x', 'g']),
        inputs: { ...x([1, 2, 4, 4]), g: numbers([1, 3, 3, 2], 5) },
      },
    ],
    [
      'GroupNormalization',
      18,
      [20, 21, 22],
      {
        nodes: one('GroupNormalization', { num_groups: 2, epsilon: 1e-3 }, ['x', 'w', 'b']),
        inputs: x([2, 6, 4]),
        constants: { w: real([2]), b: real([2], 3) },
      },
    ],
    ['DFT', 17, [19, 20, 22], { nodes: one('DFT', { axis: 1, onesided: 1 }), inputs: x([1, 8, 1]) }],
  ])('%s of version %d in versions %j', async (_, opset, targets, given) => {
    await same(opset, given, targets)
  })

  it('LSTM, GRU and RNN, and their leftovers of version 6', async () => {
    for (const [opType, gates] of [
      ['LSTM', 4],
      ['GRU', 3],
      ['RNN', 1],
    ] as const) {
      await same(7, {
        nodes: [node(opType, ['x', 'w', 'r'], ['y'], { hidden_size: 2 })],
        inputs: x([3, 1, 2]),
        constants: { w: real([1, 2 * gates, 2]), r: real([1, 2 * gates, 2], 3) },
      })
    }
    const old = modelOf(6, { nodes: one('LSTM', { hidden_size: 2, output_sequence: 1 }), inputs: image })
    expect(raised(old, 14).graph.node[0]!.attribute.map(({ name }) => name)).toEqual(['hidden_size'])
  })

  it('inside branches, with constants that inner graphs see', async () => {
    const branch = (opType: string, attributes: Attributes) => ({
      name: opType,
      node: [node(opType, ['x'], [opType], attributes)],
      output: [createValue(opType, float)],
    })
    const choice = node('If', ['c'], ['y'])
    for (const [name, graph] of [
      ['then_branch', branch('Clip', { min: -0.25, max: 0.5 })],
      ['else_branch', branch('Slice', { starts: [0], ends: [9] })],
    ] as const) {
      choice.attribute.push(create(AttributeProtoSchema, { name, type: 5, g: graph }))
    }
    for (const flag of [0, 1]) {
      const inputs = { ...x([4]), c: { type: 'bool', dims: [], data: [flag] } }
      await same(9, { nodes: [choice], inputs })
    }
  })

  it('leaves operators of other domains and metadata as they are', () => {
    const model = modelOf(10, { nodes: one('com.microsoft:Pad', { pads: [1, 1] }), inputs: x([2]) })
    const { graph, opsetImport, metadataProps } = raised(model, 14)
    expect(graph.node[0]!.attribute[0]!.name).toBe('pads')
    expect(opsetImport.map(({ domain }) => domain)).toContain('com.microsoft')
    expect(metadataProps).toEqual(model.metadataProps)
  })
})

function batch(opset: number): Case {
  return {
    nodes: [
      node('BatchNormalization', ['x', 'a', 'b', 'c', 'd'], ['y'], {
        epsilon: 1e-3,
        ...(opset < 9 && { spatial: 1 }),
      }),
    ],
    inputs: image,
    constants: {
      a: real([3], 2),
      b: real([3], 3),
      c: real([3], 4),
      d: realTensor('', [1, 2, 3], float, [3]),
    },
  }
}

function resized(mode: string, scales: readonly number[]): Case {
  return {
    nodes: one('Resize', { mode }, ['x', 's']),
    inputs: x([1, 2, 6, 5]),
    constants: { s: realTensor('', scales, float, [4]) },
  }
}

describe('operators that the runtime does not run as they are', () => {
  const run = async (opset: number, given: Case) =>
    (await runModel(untyped(raised(modelOf(opset, given), 14)), given.inputs))['y']!
  const [a, b] = [numbers([2, 3, 2]), { dims: [3], data: [10, 20, 30] }]
  const row = realTensor('', b.data, float, b.dims)

  it.each([
    ['Add', (p: number, q: number) => p + q],
    ['Mul', (p: number, q: number) => p * q],
    ['Sub', (p: number, q: number) => p - q],
  ] as const)('%s of version 6, broadcast from an axis', async (opType, f) => {
    const wanted = a.data.map((value, i) => f(value, b.data[Math.floor(i / 2) % 3]!))
    for (const axis of [1, -2]) {
      const given = {
        nodes: one(opType, { broadcast: 1, axis }, ['x', 'w']),
        inputs: { x: a },
        constants: { w: row },
      }
      const { data } = await run(6, given)
      data.forEach((value, i) => expect(value).toBeCloseTo(wanted[i]!, 5))
    }
  })

  it('broadcast from the right without an axis, and not at all without being asked', async () => {
    const last = realTensor('', [10, 20], float, [2])
    const given = {
      nodes: one('Add', { broadcast: 1 }, ['x', 'w']),
      inputs: { x: a },
      constants: { w: last },
    }
    const { data } = await run(6, given)
    data.forEach((value, i) => expect(value).toBeCloseTo(a.data[i]! + 10 + 10 * (i % 2), 5))
  })

  it('Reshape with an attribute; Cast to a name; Concat, Split and Selu with the defaults of version 1', async () => {
    const shaped = { nodes: one('Reshape', { shape: [3, -1] }), inputs: x([2, 3]) }
    expect((await run(1, shaped)).dims).toEqual([3, 2])
    const cast = {
      nodes: [node('Cast', ['x'], ['i'], { to: 'INT32' }), node('Cast', ['i'], ['y'], { to: 'float' })],
      inputs: x([3]),
    }
    expect((await run(5, cast)).data).toEqual(cast.inputs['x']!.data.map((value) => Math.trunc(value) + 0))
    const concat = { nodes: one('Concat', {}, ['x', 'x']), inputs: x([2, 3]) }
    expect((await run(3, concat)).dims).toEqual([2, 6])
    const split = {
      nodes: [node('Split', ['x', 'l'], ['y', 'z'])],
      inputs: x([3, 1]),
      constants: { l: int64Tensor('', [1, 2]) },
    }
    expect((await run(1, split)).dims).toEqual([1, 1])
    const [selu] = raised(modelOf(1, { nodes: one('Selu', { consumed_inputs: [0] }), inputs: x([1]) }), 14)
      .graph.node
    expect(selu!.attribute.map(({ name, f }) => [name, f])).toEqual([
      ['alpha', Math.fround(1.6732)],
      ['gamma', Math.fround(1.0507)],
    ])
  })

  it('PRelu of version 6 has a slope per channel', async () => {
    const slope = realTensor('', [0.5, 2], float, [2])
    const inputs = { x: { dims: [1, 2, 2, 1], data: [-1, 3, -1, -2] } }
    expect(
      (await run(6, { nodes: one('PRelu', {}, ['x', 'w']), inputs, constants: { w: slope } })).data,
    ).toEqual([-0.5, 3, -2, -4])
  })

  it('Upsample of version 1 scales height and width', async () => {
    const inputs = x([1, 1, 2, 2])
    const given = {
      nodes: one('Upsample', { height_scale: { float: 2 }, width_scale: { float: 3 }, mode: 'bilinear' }),
      inputs,
    }
    expect((await run(1, given)).dims).toEqual([1, 1, 4, 6])
  })

  it('Tile of version 1 repeats one axis', async () => {
    const constants = { n: realTensor('', [3], float), a: realTensor('', [1], float) }
    expect(
      (await run(1, { nodes: one('Tile', {}, ['x', 'n', 'a']), inputs: x([2, 2]), constants })).dims,
    ).toEqual([2, 6])
  })

  it('Pad of version 1, norms of a real power, and consumed inputs', async () => {
    const padded = { nodes: one('Pad', { paddings: [0, 1, 0, 2] }), inputs: x([2, 2]) }
    expect((await run(1, padded)).dims).toEqual([2, 5])
    const norm = { nodes: one('GlobalLpPool', { p: { float: 2 } }), inputs: x([1, 1, 3]) }
    const { data } = await run(1, norm)
    expect(data[0]).toBeCloseTo(Math.hypot(...norm.inputs['x']!.data), 5)
    const consumed = { nodes: one('Relu', { consumed_inputs: [0] }), inputs: x([3]) }
    expect((await run(1, consumed)).dims).toEqual([3])
  })

  it('BatchNormalization with statistics of single positions', async () => {
    const given = {
      nodes: [
        node('BatchNormalization', ['x', 'a', 'b', 'c', 'd'], ['y'], {
          spatial: 0,
          epsilon: 0.5,
          is_test: 1,
          consumed_inputs: [0, 0],
        }),
      ],
      inputs: x([2, 3, 2]),
      constants: {
        a: real([3, 2]),
        b: real([3, 2], 3),
        c: real([3, 2], 4),
        d: realTensor('', [1, 2, 3, 4, 5, 6], float, [3, 2]),
      },
    }
    const [scale, bias, mean] = [2, 3, 4].map((seed) => numbers([3, 2], seed).data)
    const { data } = await run(6, given)
    data.forEach((value, i) => {
      const j = i % 6
      const wanted = ((given.inputs['x']!.data[i]! - mean![j]!) / Math.sqrt(j + 1.5)) * scale![j]! + bias![j]!
      expect(value).toBeCloseTo(wanted, 4)
    })
  })

  it.each<[string, Case, (value: number, i: number) => number]>([
    [
      'Affine',
      { nodes: one('Affine', { alpha: 2.5, beta: { float: 3 } }), inputs: x([1, 2, 2, 2]) },
      (v) => 2.5 * v + 3,
    ],
    [
      'ImageScaler',
      { nodes: one('ImageScaler', { scale: 0.5, bias: [0.25, -0.5] }), inputs: x([1, 2, 2, 2]) },
      (v, i) => 0.5 * v + (i < 4 ? 0.25 : -0.5),
    ],
    [
      'ScaledTanh',
      { nodes: one('ScaledTanh', { alpha: 1.7, beta: 0.6 }), inputs: x([4]) },
      (v) => 1.7 * Math.tanh(0.6 * v),
    ],
    [
      'ParametricSoftplus',
      { nodes: one('ParametricSoftplus', { alpha: 1.7, beta: 0.6 }), inputs: x([4]) },
      (v) => 1.7 * Math.log1p(Math.exp(0.6 * v)),
    ],
  ])('%s, an experiment of its time', async (_, given, f) => {
    const { data } = await run(7, given)
    data.forEach((value, i) => expect(value).toBeCloseTo(f(given.inputs['x']!.data[i]!, i), 5))
  })

  it('Crop, ConstantFill and GivenTensorFill', async () => {
    const inputs = x([1, 1, 4, 5])
    expect((await run(7, { nodes: one('Crop', { border: [1, 0, 2, 1] }), inputs })).dims).toEqual([
      1, 1, 3, 2,
    ])
    expect(
      (await run(7, { nodes: one('Crop', { border: [1, 0, 0, 0], scale: [2, 3] }), inputs })).dims,
    ).toEqual([1, 1, 2, 3])
    const filled = { nodes: one('ConstantFill', { value: 1.5 }), inputs: x([2, 1]) }
    expect(await run(7, filled)).toEqual({ dims: [2, 1], data: [1.5, 1.5] })
    const given = {
      nodes: [
        node('GivenTensorFill', [], ['g'], { values: [0.5, 2], shape: [2] }),
        ...one('Mul', {}, ['x', 'g']),
      ],
      inputs: { x: { dims: [2], data: [2, 2] } },
    }
    expect((await run(7, given)).data).toEqual([1, 4])
  })

  it('bounds and fills have the type of what they bound', async () => {
    const inputs = { x: { type: 'float64', dims: [3], data: [-1, 0.25, 1] } }
    const nodes = [
      node('Clip', ['x'], ['c'], { min: -0.5, max: 0.5 }),
      node('Pad', ['c'], ['y'], { pads: [1, 0], value: 0.75 }),
    ]
    expect((await run(10, { nodes, inputs })).data).toEqual([0.75, -0.5, 0.25, 0.5])
  })

  it.each<[string, number, Case, RegExp]>([
    ['Scan', 8, { nodes: one('Scan'), inputs: x([1]) }, /operator Scan.*had a batch/],
    [
      'a type that there is not',
      5,
      { nodes: one('Cast', { to: 'FLOAT4' }), inputs: x([1]) },
      /no element type "float4"/,
    ],
    [
      'an axis of what has no known number of axes',
      6,
      {
        nodes: [node('Unheard', ['x'], ['u']), ...one('Add', { axis: 1, broadcast: 1 }, ['u', 'w'])],
        inputs: x([1]),
        constants: { w: row },
      },
      /number of axes of "u" is not known/,
    ],
  ])('%s is refused', (_, opset, given, message) => {
    expect(() => raised(modelOf(opset, given), 14)).toThrow(message)
    expect(() => raised(modelOf(17, given), 14)).toThrow(/ERR_NOT_SUPPORTED.*cannot be brought/)
  })
})
