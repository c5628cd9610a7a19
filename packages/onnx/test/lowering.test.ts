import { create } from '@bufbuild/protobuf'
import { describe, expect, it } from 'vitest'
import { lowerModel, lowerings, lowerTrainingModel, unsupportedNodes } from '../src/lowering/index.js'
import {
  AttributeProtoSchema,
  attributeType,
  createTensor,
  dataType,
  opsetOf,
  readModel,
  writeModel,
  type AttributeValue,
  type Model,
} from '../src/proto/index.js'
import { denseArtifacts, model, node, numbers, value } from './builder.js'
import { relativeError, runModel, type PlainTensor } from './run.js'

type Dims = readonly number[]
type Attributes = Readonly<Record<string, AttributeValue>>

const sizeOf = (dims: Dims) => dims.reduce((a, b) => a * b, 1)
const drawn = (dims: Dims, seed: number, type = 'float32'): PlainTensor => ({
  type,
  dims,
  data: Array.from(numbers(sizeOf(dims), seed, 1)),
})
const dot = (a: readonly number[], b: readonly number[]) => a.reduce((total, x, i) => total + x * b[i]!, 0)
const typeNumber = (type: string) => (type === 'float64' ? dataType.double : dataType.float)

/** Extents as symbols. */
const symbols = (name: string, dims: Dims) => dims.map((_, i) => `${name}${i}`)

/**
 * Compares a gradient operator with its forward operator, which has to be linear in each input: for any v, ⟨dY, f(…,
 * v, …)⟩ = ⟨dX, v⟩, where the stock runtime computes f.
 *
 * @param inputs of f that have gradients
 * @param known those whose extents the gradient's model declares
 */
async function checkLinear(
  forward: {
    opType: string
    attributes: Attributes
    inputs: readonly Dims[]
    constants?: readonly ReturnType<typeof createTensor>[]
  },
  gradient: {
    opType: string
    inputs: (dY: string, x: readonly string[]) => string[]
    outputs: readonly (number | 'bias')[]
  },
  options: {
    symbolic?: boolean
    type?: string
    rebuild?: (names: readonly string[]) => ReturnType<typeof node>[]
  } = {},
): Promise<void> {
  const { type = 'float32', symbolic = false } = options
  const elements = typeNumber(type)
  const names = forward.inputs.map((_, i) => `x${i}`)
  const constants = forward.constants ?? []
  const forwardNode = node(
    forward.opType,
    [...names, ...constants.map(({ name }) => name)],
    ['y'],
    forward.attributes,
  )
  const forwardModel = model(
    [forwardNode],
    forward.inputs.map((dims, i) => value(names[i]!, elements, dims)),
    [value('y', elements, [])],
    constants,
    18,
  )
  forwardModel.graph.output[0]!.type = undefined as never
  const given = Object.fromEntries(forward.inputs.map((dims, i) => [names[i]!, drawn(dims, i + 1, type)]))
  const run = async (inputs: Readonly<Record<string, PlainTensor>>) =>
    (await runModel(withoutShape(forwardModel), inputs))['y']!
  const y = await run(given)
  const dY = drawn(y.dims, 50, type)

  const outputs = gradient.outputs.map((index) => (index === 'bias' ? 'db' : `d${index}`))
  // Weights always have known extents; activations need not.
  const declared = forward.inputs.map((dims, i) =>
    value(names[i]!, elements, symbolic && i === 0 ? symbols('x', dims) : dims),
  )
  const gradientModel = model(
    [
      ...(options.rebuild?.(names) ?? []),
      node(gradient.opType, gradient.inputs('dY', names), outputs, forward.attributes),
    ],
    [value('dY', elements, symbolic ? symbols('y', y.dims) : y.dims), ...declared],
    outputs.map((name) => value(name, elements, [])),
    constants,
  )
  const lowered = lowerModel(withoutShape(gradientModel))
  const results = await runModel(lowered, { ...given, dY })
  for (const [i, index] of gradient.outputs.entries()) {
    const result = results[outputs[i]!]!
    if (index === 'bias') {
      const channel = y.dims[1]!
      const spatial = sizeOf(y.dims.slice(2))
      const sums = new Array<number>(channel).fill(0)
      dY.data.forEach((g, j) => (sums[Math.floor(j / spatial) % channel]! += g))
      expect(relativeError(result.data, sums)).toBeLessThan(1e-5)
      continue
    }
    expect(result.dims).toEqual(forward.inputs[index])
    for (let seed = 0; seed < 4; seed++) {
      const v = drawn(forward.inputs[index]!, 90 + seed, type)
      const image = await run({ ...given, [names[index]!]: v })
      const [expected, found] = [dot(dY.data, image.data), dot(result.data, v.data)]
      // If windows see nothing but padding, everything is zero.
      const scale = Math.sqrt(dot(dY.data, dY.data) * dot(image.data, image.data)) || 1
      expect(Math.abs(found - expected) / scale).toBeLessThan(type === 'float64' ? 1e-12 : 2e-6)
    }
  }
}

/** Outputs whose extents the runtime has to infer itself. */
function withoutShape(given: Model): Model {
  for (const output of given.graph.output) {
    if (output.type?.value.case === 'tensorType') delete output.type.value.value.shape
    else output.type = value(output.name, dataType.float, []).type!
  }
  return given
}

interface Window {
  readonly x: Dims
  readonly w: Dims
  readonly attributes: Attributes
}

const convolutions: Window[] = [
  { x: [2, 3, 9], w: [4, 3, 3], attributes: {} },
  { x: [2, 4, 11], w: [6, 2, 3], attributes: { strides: [2], pads: [2, 0], dilations: [2], group: 2 } },
  { x: [2, 3, 10], w: [4, 3, 4], attributes: { strides: [3], pads: [1, 2] } },
  { x: [2, 3, 7], w: [4, 3, 7], attributes: {} },
  { x: [2, 3, 8], w: [4, 3, 2], attributes: { pads: [3, 2] } },
  { x: [2, 3, 7, 8], w: [4, 3, 3, 2], attributes: { pads: [1, 0, 2, 1] } },
  { x: [1, 6, 8, 9], w: [6, 1, 3, 3], attributes: { group: 6, pads: [1, 1, 1, 1], strides: [2, 1] } },
  {
    x: [2, 4, 9, 10],
    w: [6, 2, 3, 3],
    attributes: { group: 2, strides: [2, 3], pads: [0, 2, 1, 0], dilations: [1, 2] },
  },
  { x: [3, 2, 6, 6], w: [5, 2, 1, 1], attributes: { strides: [2, 2] } },
  { x: [2, 2, 5, 6, 7], w: [3, 2, 2, 3, 3], attributes: { pads: [0, 1, 1, 1, 0, 1] } },
  {
    x: [2, 4, 5, 6, 7],
    w: [4, 2, 2, 3, 3],
    attributes: { group: 2, strides: [1, 2, 2], pads: [1, 1, 0, 0, 1, 2] },
  },
  { x: [1, 2, 7, 6, 7], w: [3, 2, 3, 2, 2], attributes: { dilations: [2, 1, 3], strides: [2, 1, 1] } },
  // So much padding that the only window sees nothing else.
  { x: [2, 4, 2], w: [6, 2, 3], attributes: { group: 2, strides: [3], pads: [7, 0], dilations: [3] } },
  { x: [2, 3, 9, 8], w: [4, 3, 3, 3], attributes: { auto_pad: 'SAME_UPPER' } },
  { x: [2, 3, 9, 8], w: [4, 3, 3, 2], attributes: { auto_pad: 'SAME_LOWER' } },
  { x: [2, 3, 9, 8], w: [4, 3, 3, 2], attributes: { auto_pad: 'VALID', strides: [2, 2] } },
]

const title = ({ x, w, attributes }: Window) =>
  `[${x.join()}] by [${w.join()}] ${Object.entries(attributes)
    .map(([name, given]) => `${name} ${JSON.stringify(given)}`)
    .join(', ')}`

describe('convolutions, against the operator itself', () => {
  for (const window of convolutions) {
    for (const symbolic of [false, true]) {
      it(`ConvGrad ${title(window)}${symbolic ? ', extents unknown' : ''}`, () =>
        checkLinear(
          { opType: 'Conv', attributes: window.attributes, inputs: [window.x, window.w] },
          { opType: 'com.microsoft:ConvGrad', inputs: (dY, x) => [dY, ...x], outputs: [0, 1, 'bias'] },
          { symbolic },
        ))
    }
  }

  it('auto_pad with strides needs extents', async () => {
    const window = {
      opType: 'Conv',
      attributes: { auto_pad: 'SAME_UPPER', strides: [2] },
      inputs: [
        [2, 3, 9],
        [4, 3, 3],
      ],
    }
    const gradient = {
      opType: 'com.microsoft:ConvGrad',
      inputs: (dY: string, x: readonly string[]) => [dY, ...x],
      outputs: [0, 1],
    }
    await checkLinear(window, gradient)
    await expect(checkLinear(window, gradient, { symbolic: true })).rejects.toMatchObject({
      code: 'ERR_NOT_SUPPORTED',
    })
  })

  const transposed: Window[] = [
    { x: [2, 4, 5], w: [4, 3, 3], attributes: {} },
    { x: [2, 4, 5], w: [4, 3, 3], attributes: { strides: [2], pads: [1, 0], output_padding: [1] } },
    { x: [2, 4, 5, 4], w: [4, 2, 3, 2], attributes: { group: 2, strides: [2, 1], pads: [1, 0, 0, 1] } },
    { x: [1, 2, 3, 4, 3], w: [2, 3, 2, 2, 3], attributes: { strides: [1, 2, 1], dilations: [2, 1, 1] } },
  ]
  for (const window of transposed) {
    for (const symbolic of [false, true]) {
      it(`ConvTransposeGrad ${title(window)}${symbolic ? ', extents unknown' : ''}`, () =>
        checkLinear(
          { opType: 'ConvTranspose', attributes: window.attributes, inputs: [window.x, window.w] },
          {
            opType: 'com.microsoft:ConvTransposeGrad',
            inputs: (dY, x) => [dY, ...x],
            outputs: [0, 1, 'bias'],
          },
          { symbolic },
        ))
    }
  }
})

const averages: [Dims, Attributes][] = [
  [[2, 3, 10], { kernel_shape: [3], strides: [2] }],
  [[2, 3, 10], { kernel_shape: [3], strides: [2], pads: [1, 1] }],
  [[2, 3, 10], { kernel_shape: [3], strides: [2], pads: [0, 1], count_include_pad: 1 }],
  [[2, 3, 7, 9], { kernel_shape: [2, 3], strides: [1, 2], pads: [1, 0, 0, 1] }],
  [[2, 3, 8, 9], { kernel_shape: [3, 2], strides: [2, 3], ceil_mode: 1 }],
  [[2, 2, 5], { kernel_shape: [2], strides: [3], pads: [1, 1], ceil_mode: 1, count_include_pad: 1 }],
  [
    [2, 2, 6, 8],
    { kernel_shape: [4, 2], strides: [3, 3], dilations: [1, 2], pads: [2, 0, 0, 1], ceil_mode: 1 },
  ],
  [[1, 2, 5, 7, 4], { kernel_shape: [2, 3, 1], strides: [2, 3, 1], dilations: [2, 1, 1], ceil_mode: 1 }],
  [[1, 2, 5, 6, 7], { kernel_shape: [2, 2, 3], strides: [2, 1, 2], pads: [0, 1, 1, 1, 0, 1] }],
  [
    [1, 2, 5, 6, 7],
    { kernel_shape: [2, 3, 2], strides: [2, 2, 2], pads: [0, 1, 1, 1, 0, 1], count_include_pad: 1 },
  ],
]

describe('pools, against the operator itself', () => {
  for (const [x, attributes] of averages) {
    for (const symbolic of [false, true]) {
      it(`AveragePoolGrad [${x.join()}] ${JSON.stringify(attributes)}${symbolic ? ', extents unknown' : ''}`, () =>
        checkAverage(x, attributes, symbolic))
    }
  }

  it('AveragePoolGrad does not guess what auto_pad comes to with dilations', async () => {
    const attributes = { kernel_shape: [2], dilations: [2], auto_pad: 'SAME_UPPER' }
    await expect(checkAverage([1, 1, 7], attributes, false)).rejects.toMatchObject({
      code: 'ERR_NOT_SUPPORTED',
    })
    await checkAverage([1, 1, 7], { ...attributes, dilations: [1] }, false)
  })

  const maxima: [Dims, Attributes][] = [
    [[2, 3, 10], { kernel_shape: [3], strides: [2], pads: [1, 0] }],
    [[2, 3, 7, 9], { kernel_shape: [3, 2], strides: [1, 2], pads: [1, 1, 1, 0] }],
    [[2, 3, 8, 9], { kernel_shape: [2, 2], strides: [2, 2], ceil_mode: 1 }],
    [[1, 2, 6, 6, 7], { kernel_shape: [2, 3, 2], strides: [2, 2, 1], pads: [0, 1, 0, 0, 1, 1] }],
    [[1, 2, 9, 9], { kernel_shape: [3, 3], dilations: [2, 2], strides: [2, 2] }],
  ]
  it.each(maxima)('MaxPoolGrad [%j] %j', async (x, attributes) => {
    for (const type of ['float32', 'float64']) {
      for (const dims of [x, symbols('n', x)]) {
        const elements = typeNumber(type)
        const graph = model(
          [
            node('MaxPool', ['x'], ['y', 'indices'], attributes),
            node('MaxPoolGrad', ['dY', 'indices'], ['dX'], attributes),
          ],
          [value('x', elements, dims), value('dY', elements, symbols('m', x))],
          [value('y', elements, symbols('m', x)), value('dX', elements, dims)],
        )
        const input = drawn(x, 3, type)
        const forward = model(
          [node('MaxPool', ['x'], ['y'], attributes)],
          [value('x', elements, dims)],
          [value('y', elements, symbols('m', x))],
        )
        const { y } = await runModel(forward, { x: input })
        const dY = drawn(y!.dims, 4, type)
        const { dX } = await runModel(lowerModel(graph), { x: input, dY })
        // The gradient is dY at the maxima: ⟨dX, x⟩ = ⟨dY, y⟩, and its sum is that of dY.
        expect(dot(dX!.data, input.data)).toBeCloseTo(dot(dY.data, y!.data), 4)
        expect(
          dot(
            dX!.data,
            input.data.map(() => 1),
          ),
        ).toBeCloseTo(
          dot(
            dY.data,
            dY.data.map(() => 1),
          ),
          4,
        )
      }
    }
  })
})

/** The node has dY only. The names tell that it is the gradient of a pool of X. */
async function checkAverage(x: Dims, attributes: Attributes, symbolic: boolean): Promise<void> {
  const forward = model(
    [node('AveragePool', ['x'], ['y'], attributes)],
    [value('x', 1, x)],
    [value('y', 1, symbols('m', x))],
    [],
    19,
  )
  const input = drawn(x, 1)
  const { y } = await runModel(forward, { x: input })
  const dY = drawn(y!.dims, 2)
  const graph = model(
    [
      node('AveragePool', ['x'], ['y'], attributes),
      node('AveragePoolGrad', ['y_grad'], ['x_grad'], attributes),
    ],
    [value('x', 1, symbolic ? symbols('n', x) : x), value('y_grad', 1, symbolic ? symbols('m', x) : y!.dims)],
    [value('y', 1, symbols('k', x)), value('x_grad', 1, symbolic ? symbols('n', x) : x)],
    [],
    19,
  )
  const { x_grad: dX } = await runModel(lowerModel(graph), { x: input, y_grad: dY })
  expect(dX!.dims).toEqual(x)
  for (let seed = 0; seed < 4; seed++) {
    const v = drawn(x, 70 + seed)
    const { y: image } = await runModel(forward, { x: v })
    expect(dot(dX!.data, v.data)).toBeCloseTo(dot(dY.data, image!.data), 4)
  }
}

describe('resizing, against the operator itself', () => {
  const sizes: [Dims, number[]][] = [
    [
      [2, 3, 4, 5],
      [2, 3, 8, 10],
    ],
    [
      [1, 2, 5, 7],
      [1, 2, 7, 4],
    ],
    [
      [2, 2, 6],
      [2, 2, 9],
    ],
    [
      [1, 2, 3, 4, 5],
      [1, 2, 6, 8, 5],
    ],
  ]
  for (const mode of ['nearest', 'linear', 'cubic']) {
    for (const coordinates of [
      'half_pixel',
      'asymmetric',
      'align_corners',
      'pytorch_half_pixel',
      'half_pixel_symmetric',
    ]) {
      for (const [x, to] of sizes) {
        // The runtime's cubic works on the last two of four axes.
        if (mode === 'cubic' && x.length !== 4) continue
        it(`ResizeGrad ${mode} ${coordinates} [${x.join()}] to [${to.join()}]`, async () => {
          const scales = Float32Array.from(to, (extent, i) => extent / x[i]!)
          const constants = [
            createTensor('roi', [0], 1, new Float32Array(0)),
            createTensor('scales', [to.length], 1, scales),
          ]
          await checkLinear(
            {
              opType: 'Resize',
              attributes: { mode, coordinate_transformation_mode: coordinates },
              inputs: [x],
              constants,
            },
            {
              opType: 'com.microsoft:ResizeGrad',
              inputs: (dY, [given]) => [dY, given!, 'roi', 'scales'],
              outputs: [0],
            },
          )
        })
      }
    }
  }
})

describe('what nobody reads', () => {
  const type = dataType.float
  const inputs = ['dY', 'x', 'scale', 'mean', 'inverse']
  const graph = (outputs: readonly string[]) =>
    model(
      [node('com.microsoft:LayerNormalizationGrad', inputs, ['dX', 'dScale', 'dBias'], { axis: -1 })],
      inputs.map((name) => value(name, type, name === 'scale' ? [3] : name.length < 3 ? [2, 3] : [2, 1])),
      outputs.map((name) => value(name, type, name === 'dX' ? [2, 3] : [3])),
    )

  it('is not computed', async () => {
    const operators = (outputs: readonly string[]) =>
      lowerModel(graph(outputs)).graph.node.map(({ opType }) => opType)
    expect(operators(['dX', 'dScale', 'dBias']).filter((opType) => opType === 'ReduceSum')).toHaveLength(2)
    expect(operators(['dX'])).not.toContain('ReduceSum')
    expect(operators(['dBias'])).toEqual(['ReduceSum'])
    const given = Object.fromEntries(
      inputs.map((name, i) => [name, drawn(name === 'scale' ? [3] : name.length < 3 ? [2, 3] : [2, 1], i)]),
    )
    const all = await runModel(lowerModel(graph(['dX', 'dScale', 'dBias'])), given)
    for (const name of Object.keys(all)) {
      expect((await runModel(lowerModel(graph([name])), given))[name]).toEqual(all[name])
    }
  })

  it('but what the body of a node reads is', () => {
    const body = model([node('Identity', ['h'], ['z'])], [], [value('z', type, [2, 3])]).graph
    const branch = node('If', ['c'], ['y'])
    branch.attribute.push(
      ...['then_branch', 'else_branch'].map((name) =>
        create(AttributeProtoSchema, { name, type: 5, g: body }),
      ),
    )
    const made = model(
      [node('com.microsoft:ReluGrad', ['dY', 'x'], ['h']), node('Neg', ['x'], ['unread']), branch],
      [value('dY', type, [2, 3]), value('x', type, [2, 3]), value('c', dataType.bool, [])],
      [value('y', type, [2, 3])],
    )
    const operators = lowerModel(made).graph.node.map(({ opType }) => opType)
    expect(operators).toEqual(['Greater', 'Where', 'If'])
  })
})

describe('rows that no vector covers', () => {
  const type = dataType.float
  const vector = (name: string, dims: Dims = [2, 3]) => value(name, type, dims)

  it('ScaledSum', async () => {
    const graph = model(
      [
        node('com.microsoft:ScaledSum', ['a', 'b', 'c'], ['y'], {
          scale_0: { float: 2 },
          scale_1: { float: -1 },
          scale_2: { float: 0.5 },
        }),
      ],
      [vector('a'), vector('b'), vector('c')],
      [vector('y')],
    )
    const [a, b, c] = [drawn([2, 3], 1), drawn([2, 3], 2), drawn([2, 3], 3)]
    const { y } = await runModel(lowerModel(graph), { a: a, b: b, c: c })
    expect(
      relativeError(
        y!.data,
        a.data.map((x, i) => 2 * x - b.data[i]! + 0.5 * c.data[i]!),
      ),
    ).toBeLessThan(1e-6)
  })

  it('BatchScale', async () => {
    const graph = model(
      [node('com.microsoft:BatchScale', ['x'], ['a', 'b'], { scale0: { float: 2 }, scale1: { float: -3 } })],
      [vector('x')],
      [vector('a'), vector('b')],
    )
    const x = drawn([2, 3], 1)
    const { a, b } = await runModel(lowerModel(graph), { x })
    expect(a!.data).toEqual(x.data.map((v) => Math.fround(2 * v)))
    expect(b!.data).toEqual(x.data.map((v) => Math.fround(-3 * v)))
  })

  it('ReduceAllL2', async () => {
    const graph = model(
      [node('com.microsoft:ReduceAllL2', ['a', 'b'], ['y'])],
      [vector('a'), vector('b', [4])],
      [vector('y', [])],
    )
    const [a, b] = [drawn([2, 3], 1), drawn([4], 2)]
    const { y } = await runModel(lowerModel(graph), { a, b })
    expect(y!.data[0]).toBeCloseTo(Math.sqrt(dot(a.data, a.data) + dot(b.data, b.data)), 5)
  })

  it('InvertibleLayerNormalizationGrad is LayerNormalizationGrad, from the output', async () => {
    const inputs = [vector('dY', [4, 6]), vector('x', [4, 6]), vector('scale', [6]), vector('bias', [6])]
    const forward = node('LayerNormalization', ['x', 'scale', 'bias'], ['y', 'mean', 'inv'], { axis: -1 })
    const outputs = [vector('dX', [4, 6]), vector('dS', [6]), vector('dB', [6])]
    const names = outputs.map(({ name }) => name)
    const plain = node('com.microsoft:LayerNormalizationGrad', ['dY', 'x', 'scale', 'mean', 'inv'], names, {
      axis: -1,
    })
    const inverted = node(
      'com.microsoft:InvertibleLayerNormalizationGrad',
      ['dY', 'y', 'scale', 'bias', 'inv'],
      names,
      { axis: -1 },
    )
    const scale = { dims: [6], data: [0.5, -1, 2, 0.7, 1.5, -0.3] }
    const given = { dY: drawn([4, 6], 1), x: drawn([4, 6], 2), scale, bias: drawn([6], 3) }
    const [expected, found] = await Promise.all(
      [plain, inverted].map((last) => runModel(lowerModel(model([forward, last], inputs, outputs)), given)),
    )
    for (const name of names)
      expect(relativeError(found![name]!.data, expected![name]!.data)).toBeLessThan(1e-5)
  })

  it.each(['mean', 'sum', 'none'])(
    'SoftmaxCrossEntropyLossInternal and its gradient, %s',
    async (reduction) => {
      const ignored = createTensor('ignored', [], dataType.int64, BigInt64Array.of(2n))
      const inputs = [
        vector('x', [5, 4]),
        value('label', dataType.int64, [5]),
        vector('w', [4]),
        value('dY', type, reduction === 'none' ? [5] : []),
      ]
      const shape = reduction === 'none' ? [5] : []
      const outputs = [vector('loss', shape), vector('dX', [5, 4])]
      const plain = [
        node('SoftmaxCrossEntropyLoss', ['x', 'label', 'w'], ['loss', 'logp'], {
          reduction,
          ignore_index: 2,
        }),
        node('com.microsoft:SoftmaxCrossEntropyLossGrad', ['dY', 'logp', 'label', 'w'], ['dX'], {
          reduction,
          ignore_index: 2,
        }),
      ]
      const internal = [
        node(
          'com.microsoft:SoftmaxCrossEntropyLossInternal',
          ['x', 'label', 'w', 'ignored'],
          ['loss', 'logp'],
          { reduction },
        ),
        node(
          'com.microsoft:SoftmaxCrossEntropyLossInternalGrad',
          ['dY', 'logp', 'label', 'w', 'ignored'],
          ['dX'],
          { reduction },
        ),
      ]
      const given = {
        x: drawn([5, 4], 1),
        label: { type: 'int64', dims: [5], data: [0, 2, 3, 1, 2] },
        w: { dims: [4], data: [1, 2, 0.5, 1.5] },
        dY: drawn(shape, 4),
      }
      const [expected, found] = await Promise.all([
        runModel(lowerModel(model(plain, inputs, outputs)), given),
        runModel(lowerModel(model(internal, inputs, outputs, [ignored])), given),
      ])
      expect(relativeError(found['loss']!.data, expected['loss']!.data)).toBeLessThan(1e-6)
      expect(relativeError(found['dX']!.data, expected['dX']!.data)).toBeLessThan(1e-6)
    },
  )

  it('SliceGrad backwards, which the training build itself cannot do', async () => {
    const int = (name: string, ...given: number[]) =>
      createTensor(name, [given.length], dataType.int64, BigInt64Array.from(given, BigInt))
    const constants = [
      int('shape', 4, 6),
      int('starts', 5, -1),
      int('ends', 0, -5),
      int('axes', 1, 0),
      int('steps', -2, -1),
    ]
    const graph = model(
      [node('com.microsoft:SliceGrad', ['dY', 'shape', 'starts', 'ends', 'axes', 'steps'], ['dX'])],
      [vector('dY', [4, 3])],
      [vector('dX', [4, 6])],
      constants,
    )
    const dY = drawn([4, 3], 1)
    const { dX } = await runModel(lowerModel(graph), { dY })
    const expected = new Array<number>(24).fill(0)
    dY.data.forEach((g, i) => (expected[(3 - Math.floor(i / 3)) * 6 + 5 - 2 * (i % 3)] = g))
    expect(dX!.data).toEqual(expected)
  })

  it.each([
    [true, [1, 0, 2]],
    [false, [0.5, -1, 1]],
  ])('DropoutGrad with training %s at run time', async (training, expected) => {
    const ratio = createTensor('ratio', [], type, Float32Array.of(0.5))
    const graph = model(
      [node('com.microsoft:DropoutGrad', ['dY', 'mask', 'ratio', 'training'], ['dX'])],
      [vector('dY', [3]), value('mask', dataType.bool, [3]), value('training', dataType.bool, [])],
      [vector('dX', [3])],
      [ratio],
    )
    const { dX } = await runModel(lowerModel(graph), {
      dY: { dims: [3], data: [0.5, -1, 1] },
      mask: { type: 'bool', dims: [3], data: [1, 0, 1] },
      training: { type: 'bool', dims: [], data: [training ? 1 : 0] },
    })
    expect(dX!.data).toEqual(expected)
  })

  it.each(['ReluGrad', 'SigmoidGrad', 'TanhGrad', 'LeakyReluGrad', 'SoftmaxGrad_13', 'LogSoftmaxGrad_13'])(
    '%s in double precision is that in single precision',
    async (opType) => {
      const results = await Promise.all(
        ['float32', 'float64'].map(async (name) => {
          const graph = model(
            [node(`com.microsoft:${opType}`, ['dY', 'x'], ['dX'])],
            [value('dY', typeNumber(name), [3, 4]), value('x', typeNumber(name), [3, 4])],
            [value('dX', typeNumber(name), [3, 4])],
          )
          return runModel(lowerModel(graph), { dY: drawn([3, 4], 1, name), x: drawn([3, 4], 2, name) })
        }),
      )
      const [single, double] = results.map(({ dX }) => dX!.data)
      expect(relativeError(single!, double!)).toBeLessThan(1e-6)
      if (opType !== 'ReluGrad') expect(relativeError(single!, double!)).toBeGreaterThan(0)
    },
  )
})

describe('lowerModel', () => {
  it('leaves a model alone that needs no lowering', () => {
    const given = readModel(denseArtifacts([3, 2]).evalModel)
    expect(lowerModel(given)).toBe(given)
  })

  it('does not change what it is given', () => {
    const given = readModel(denseArtifacts([3, 4, 2]).trainModel)
    const before = writeModel(given)
    lowerTrainingModel(given)
    expect(writeModel(given)).toEqual(before)
  })

  it.each([13, 14, 16, 17, 18, 20, 22])('runs models of opset %i', async (opset) => {
    const { trainModel, checkpointState } = denseArtifacts([3, 4, 2], opset)
    const { model: lowered, gradients } = lowerTrainingModel(readModel(trainModel))
    expect(opsetOf(lowered)).toBe(Math.max(opset, 17))
    const parameters = checkpointState.trainable.map(({ name, dims, data }) => [
      name,
      { dims, data: Array.from(data as Float32Array) },
    ])
    const results = await runModel(lowered, {
      ...(Object.fromEntries(parameters) as Record<string, PlainTensor>),
      x: drawn([2, 3], 1),
      labels: { type: 'int64', dims: [2], data: [0, 1] },
    })
    for (const { output, dims } of gradients) expect(results[output]!.dims).toEqual(dims)
  })

  it.each([11, 12])('rewrites what operators of opset %i mean otherwise', async (opset) => {
    const dims = [2, 3, 4]
    const nodes = (opset_: number) => {
      const isOld = opset_ < 13
      return [
        isOld
          ? node('ReduceSum', ['x'], ['sum'], { axes: [1], keepdims: 0 })
          : node('ReduceSum', ['x', 'one'], ['sum'], { keepdims: 0 }),
        isOld ? node('Unsqueeze', ['sum'], ['a'], { axes: [1] }) : node('Unsqueeze', ['sum', 'one'], ['a']),
        isOld ? node('Squeeze', ['a'], ['b'], { axes: [1] }) : node('Squeeze', ['a', 'one'], ['b']),
        isOld
          ? node('Split', ['b'], ['c', 'd'], { axis: 1, split: [1, 3] })
          : node('Split', ['b', 'parts'], ['c', 'd'], { axis: 1 }),
        node('com.microsoft:ReluGrad', ['d', 'd'], ['e']),
      ]
    }
    const constants = [
      createTensor('one', [1], dataType.int64, BigInt64Array.of(1n)),
      createTensor('parts', [2], dataType.int64, BigInt64Array.of(1n, 3n)),
    ]
    const [inputs, outputs] = [[value('x', 1, dims)], [value('c', 1, [2, 1]), value('e', 1, [2, 3])]]
    const x = drawn(dims, 1)
    const now = await runModel(lowerModel(model(nodes(17), inputs, outputs, constants)), { x })
    const old = await runModel(lowerModel(model(nodes(opset), inputs, outputs, [], opset)), { x })
    expect(old).toEqual(now)
  })

  it('rewrites them in the branches of a graph, too', async () => {
    const branch = (axis: number) => {
      const { graph } = model(
        [node('Unsqueeze', ['x'], [`y${axis}`], { axes: [axis] })],
        [],
        [value(`y${axis}`, 1, [])],
      )
      return withoutShape({ graph } as Model).graph
    }
    const choice = node('If', ['first'], ['y'])
    choice.attribute = ['then_branch', 'else_branch'].map((name, axis) => {
      return create(AttributeProtoSchema, { name, type: attributeType.graph, g: branch(axis) })
    })
    const graph = withoutShape(
      model(
        [choice, node('com.microsoft:ReluGrad', ['x', 'x'], ['z'])],
        [value('x', 1, [3]), value('first', dataType.bool, [])],
        [value('y', 1, []), value('z', 1, [3])],
        [],
        12,
      ),
    )
    for (const [first, dims] of [
      [1, [1, 3]],
      [0, [3, 1]],
    ] as const) {
      const { y } = await runModel(lowerModel(graph), {
        x: drawn([3], 1),
        first: { type: 'bool', dims: [], data: [first] },
      })
      expect(y!.dims).toEqual(dims)
    }
  })

  it.each(['Softmax', 'LogSoftmax'])(
    'normalises all axes at once, as %s did before opset 13',
    async (opType) => {
      const graph = model(
        [node(opType, ['x'], ['y'], { axis: 1 }), node('com.microsoft:ReluGrad', ['x', 'x'], ['z'])],
        [value('x', 1, [2, 3, 4])],
        [value('y', 1, [2, 3, 4]), value('z', 1, [2, 3, 4])],
        [],
        12,
      )
      const { y } = await runModel(lowerModel(graph), { x: drawn([2, 3, 4], 1) })
      expect(y!.dims).toEqual([2, 3, 4])
      const total = y!.data.slice(0, 12).reduce((sum, p) => sum + (opType === 'Softmax' ? p : Math.exp(p)), 0)
      expect(total).toBeCloseTo(1, 5)
    },
  )

  it('drops out nothing that is not asked for in opset 11', async () => {
    const graph = model(
      [
        node('Dropout', ['x'], ['y'], { ratio: { float: 0.5 } }),
        node('com.microsoft:ReluGrad', ['x', 'x'], ['z']),
      ],
      [value('x', 1, [4])],
      [value('y', 1, [4]), value('z', 1, [4])],
      [],
      11,
    )
    const x = drawn([4], 1)
    expect((await runModel(lowerModel(graph), { x }))['y']!.data).toEqual(x.data)
  })

  it('asks for a later opset where there are no rules', () => {
    const old = denseArtifacts([3, 4, 2], 10).trainModel
    expect(() => lowerTrainingModel(readModel(old))).toThrow(/version 10.*11 is the oldest.*opset_version=17/)
  })

  it('says what it does not support, wherever it is', () => {
    const given = model(
      [
        node('com.microsoft:ReluGrad', ['x', 'x'], ['a']),
        node('com.microsoft:LSTMTraining', ['a'], ['b']),
        node('com.microsoft:LSTMGrad', ['b'], ['c']),
        node('GlobalMaxPoolGrad', ['c'], ['d']),
        node('com.microsoft:FusedMatMul', ['d', 'd'], ['e']),
        node('org.example:CustomGrad', ['e'], ['y']),
      ],
      [value('x', 1, [2])],
      [value('y', 1, [2])],
    )
    expect(unsupportedNodes(given).map(({ opType, domain }) => [domain, opType])).toEqual([
      ['com.microsoft', 'LSTMTraining'],
      ['com.microsoft', 'LSTMGrad'],
      ['', 'GlobalMaxPoolGrad'],
    ])
    expect(() => lowerModel(given)).toThrow(
      /LSTMTraining of domain com.microsoft \(node "LSTMTraining\/b"\).*LSTMGrad, GlobalMaxPoolGrad/,
    )
  })

  it('takes rows of a caller', async () => {
    const given = model(
      [node('org.example:CubeGrad', ['dY', 'x'], ['dX'])],
      [value('dY', 1, [2]), value('x', 1, [2])],
      [value('dX', 1, [2])],
    )
    const lowered = lowerModel(given, {
      ...lowerings,
      'org.example': {
        CubeGrad({ required, output, emit, reals, realTypeOf }) {
          const [dY, x] = [required(0), required(1)]
          emit('Mul', [dY, emit('Mul', [reals([3], realTypeOf(x)), emit('Mul', [x, x])])], {}, output(0))
        },
      },
    })
    const { dX } = await runModel(lowered, {
      dY: { dims: [2], data: [1, 2] },
      x: { dims: [2], data: [2, 3] },
    })
    expect(dX!.data).toEqual([12, 54])
  })

  it('names a node that its row cannot lower', () => {
    const given = model(
      [node('com.microsoft:LayerNormalizationGrad', ['dY', 'x', 's', 'm', 'i'], ['dX', 'dS', 'dB'])],
      ['dY', 'x', 's', 'm', 'i'].map((name) => value(name, 1, [])),
      ['dX', 'dS', 'dB'].map((name) => value(name, 1, [])),
    )
    for (const { type } of given.graph.input)
      if (type?.value.case === 'tensorType') delete type.value.value.shape
    expect(() => lowerModel(given)).toThrow(/LayerNormalizationGrad.*rank of "x" is not known.*infer_shapes/)
  })
})
