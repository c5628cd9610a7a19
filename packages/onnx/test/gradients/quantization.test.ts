import { describe, expect, it } from 'vitest'
import { addGradients } from '../../src/gradients/backward.js'
import { lowerModel } from '../../src/lowering/index.js'
import { dataType, elementTypeOf, type AttributeValue, type Model } from '../../src/proto/index.js'
import { valueTypes } from '../../src/rewrite/valueTypes.js'
import { node, numbers } from '../builder.js'
import { relativeError, runModel, type PlainTensor } from '../run.js'
import { composed, drawn, gradientModel, tensor, type Operand, type Tensor } from './harness.js'
import { checkNode, gradientsOf } from './arbitraries.js'

const { float, int8, int16, int32, uint8, uint16, int64 } = dataType
type Attributes = Readonly<Record<string, AttributeValue>>

const plain = ({ dims, dataType: type, data }: Tensor): PlainTensor => ({
  type: elementTypeOf(type).name,
  dims,
  data: Array.from(data as ArrayLike<number | bigint>, Number),
})
const valuesOf = ({ data }: Tensor): number[] => Array.from(data as ArrayLike<number | bigint>, Number)

/** Whole numbers between bounds. */
function whole(dims: readonly number[], seed: number, low: number, high: number): number[] {
  return valuesOf(drawn(dims, seed, { low, high })).map(Math.floor)
}

function expectNear(found: readonly number[], expected: readonly number[]): void {
  expect(found).toHaveLength(expected.length)
  found.forEach((value, i) => expect(value, `element ${i}`).toBeCloseTo(expected[i]!, 5))
}

/** The output of a model and the gradients of its inputs, in float. */
async function outputAndGradients(
  forward: Model,
  inputs: Readonly<Record<string, Tensor>>,
  dY: Tensor,
  wanted: readonly string[],
): Promise<{ y: number[]; gradients: Record<string, number[]> }> {
  const feeds = Object.fromEntries(Object.entries(inputs).map(([name, given]) => [name, plain(given)]))
  const y = (await runModel(forward, feeds))['y']!.data
  return { y, gradients: await gradientsOf(forward, inputs, { y: dY }, wanted) }
}

describe('QuantizeLinear and DequantizeLinear', () => {
  const dims = [3, 4]
  const x = tensor(dims, [0.1, -3, 2.6, 0.5, 40, -40, 1.2, 7.9, -0.2, 0.3, 12.7, -12.9], float)
  const dY = drawn(dims, 3, { type: float })

  /** The gradient that PyTorch's fake quantisation gives: dY where the number is in the range. */
  const expected = (scales: readonly number[], zeros: readonly number[], low: number, high: number) =>
    valuesOf(dY).map((slope, i) => {
      const column = i % scales.length
      const number = Math.round(valuesOf(x)[i]! / scales[column]!) + zeros[column]!
      return number >= low && number <= high ? slope : 0
    })
  const pair = (scale: Operand, zero: Operand | undefined, attributes: Attributes = {}, opset = 17) =>
    composed(
      [
        node('QuantizeLinear', ['x', 'scale', ...(zero ? ['zero'] : [])], ['q'], attributes),
        node('DequantizeLinear', ['q', 'scale', ...(zero ? ['zero'] : [])], ['y'], attributes),
      ],
      { x: { dims: ['n', 4], type: float }, scale: { ...scale, type: float }, ...(zero && { zero }) },
      ['y'],
      opset,
    )

  it.each<[string, number, number, number, number, number]>([
    ['uint8', uint8, 128, 0, 255, 17],
    ['int8', int8, 3, -128, 127, 17],
    ['uint16', uint16, 9, 0, 65535, 21],
    ['int16', int16, 0, -32768, 32767, 21],
  ])(
    'pass gradients straight through %s, where nothing is cut off',
    async (_, type, zero, low, high, opset) => {
      const forward = pair({ dims: [], data: [0.1] }, { dims: [], type, data: [zero] }, {}, opset)
      const { y, gradients } = await outputAndGradients(forward, { x }, dY, ['x'])
      expectNear(gradients['x']!, expected([Math.fround(0.1)], [zero], low, high))
      if (high < 1000) expect(gradients['x']!.filter((value) => value === 0).length).toBeGreaterThan(0)
      expect(y[0]).toBeCloseTo(0.1, 5)
    },
  )

  it('without a zero point', async () => {
    const { gradients } = await outputAndGradients(pair({ dims: [], data: [0.1] }, undefined), { x }, dY, [
      'x',
    ])
    expectNear(gradients['x']!, expected([Math.fround(0.1)], [0], 0, 255))
  })

  it('with a scale for each column', async () => {
    const scales = [0.1, 0.2, 0.05, 0.1]
    const zeros = [0, 10, -3, 5]
    const forward = pair({ dims: [4], data: scales }, { dims: [4], type: int8, data: zeros }, { axis: -1 })
    const { gradients } = await outputAndGradients(forward, { x }, dY, ['x'])
    expectNear(gradients['x']!, expected(scales.map(Math.fround), zeros, -128, 127))
  })

  it('through operators that move the numbers', async () => {
    const forward = composed(
      [
        node('QuantizeLinear', ['x', 'scale', 'zero'], ['q']),
        node('Transpose', ['q'], ['t'], { perm: [1, 0] }),
        node('Reshape', ['t', 'shape'], ['r']),
        node('DequantizeLinear', ['r', 'scale', 'zero'], ['y']),
      ],
      {
        x: { dims: [3, 4], type: float },
        scale: { dims: [], type: float, data: [0.25] },
        zero: { dims: [], type: uint8, data: [200] },
        shape: { dims: [2], type: int64, data: [2, 6] },
      },
      ['y'],
    )
    const weights = drawn([2, 6], 4, { type: float })
    const gradients = await gradientsOf(forward, { x }, { y: weights })
    const moved = valuesOf(x).map((_, i) => valuesOf(weights)[(i % 4) * 3 + Math.floor(i / 4)]!)
    expectNear(
      gradients['x']!,
      moved.map((slope, i) => (valuesOf(x)[i]! / 0.25 + 200 > 255.4 ? 0 : slope)),
    )
  })

  it('scales of dequantised weights have gradients when they are wanted', async () => {
    const data = whole(dims, 5, -100, 100)
    await checkNode(
      'DequantizeLinear',
      { scale: drawn([4], 6, { low: 0.1, high: 2, type: float }) },
      {
        constants: { q: { dims, type: int8, data }, zero: { dims: [4], type: int8, data: [1, 2, 0, -4] } },
        order: ['q', 'scale', 'zero'],
        attributes: { axis: 1 },
        precision: 'float',
        reference: ({ scale }) => [data.map((q, i) => (q - [1, 2, 0, -4][i % 4]!) * scale![i % 4]!)],
      },
    )
  })

  it('refuses numbers that are not whole', async () => {
    const forward = pair({ dims: [], data: [0.1] }, { dims: [], type: int32, data: [0] })
    forward.graph.node[0]!.input.pop()
    forward.graph.node[1]!.input.pop()
    forward.graph.node[0]!.attribute.push(node('x', [], ['y'], { output_dtype: 17 }).attribute[0]!)
    await expect(gradientModel(forward, { y: dY }, ['x'])).rejects.toThrow(/ERR_NOT_SUPPORTED/)
  })
})

/** y = x·w as ONNX Runtime's dynamic quantiser writes it. */
function dynamicProduct(columns: number, options: { perColumn?: boolean; bias?: boolean } = {}) {
  const [rows, inputs] = [2, 6]
  const { perColumn = false, bias = false } = options
  const w = whole([inputs, columns], 8, -120, 120)
  const scales = perColumn
    ? valuesOf(drawn([columns], 9, { low: 0.01, high: 0.05 })).map(Math.fround)
    : [Math.fround(0.02)]
  const zeros = perColumn ? whole([columns], 10, -5, 5) : [3]
  const extents = perColumn ? [columns] : []
  const nodes = [
    node('DynamicQuantizeLinear', ['x'], ['q', 'q_scale', 'q_zero']),
    node('MatMulInteger', ['q', 'w', 'q_zero', 'w_zero'], ['product']),
    node('Cast', ['product'], ['real'], { to: float }),
    node('Mul', ['q_scale', 'w_scale'], ['scale']),
    node('Mul', ['real', 'scale'], [bias ? 'scaled' : 'y']),
    ...(bias ? [node('Add', ['scaled', 'b'], ['y'])] : []),
  ]
  const forward = composed(
    nodes,
    {
      x: { dims: ['n', rows, inputs], type: float },
      ...(bias && { b: { dims: [columns], type: float } }),
      w: { dims: [inputs, columns], type: int8, data: w },
      w_scale: { dims: extents, type: float, data: scales },
      w_zero: { dims: extents, type: int8, data: zeros },
    },
    ['y'],
  )
  const real = w.map((q, i) => (q - zeros[i % zeros.length]!) * scales[i % scales.length]!)
  return { forward, real, rows, inputs }
}

/** dY·Wᵀ for W [inputs, outputs]. */
function backward(dY: readonly number[], w: readonly number[], inputs: number, outputs: number): number[] {
  const rows = dY.length / outputs
  return Array.from({ length: rows * inputs }, (_, i) => {
    const [row, input] = [Math.floor(i / inputs), i % inputs]
    let sum = 0
    for (let o = 0; o < outputs; o++) sum += dY[row * outputs + o]! * w[input * outputs + o]!
    return sum
  })
}

describe('the products of ONNX Runtime’s dynamic quantiser', () => {
  it.each([
    { perColumn: false, bias: false },
    { perColumn: true, bias: true },
  ])('have the gradient of the product with the weights they stand for: %o', async (options) => {
    const { forward, real, rows, inputs } = dynamicProduct(3, options)
    const x = drawn([2, rows, inputs], 1, { type: float })
    const dY = drawn([2, rows, 3], 2, { type: float })
    const given = { x, ...(options.bias && { b: drawn([3], 4, { type: float }) }) }
    const { gradients } = await outputAndGradients(forward, given, dY, Object.keys(given))
    expect(relativeError(gradients['x']!, backward(valuesOf(dY), real, inputs, 3))).toBeLessThan(1e-5)
    if (options.bias) {
      const sums = [0, 1, 2].map((column) =>
        valuesOf(dY).reduce((sum, v, i) => sum + (i % 3 === column ? v : 0), 0),
      )
      expect(relativeError(gradients['b']!, sums)).toBeLessThan(1e-6)
    }
  })

  it.each([
    ['DynamicQuantizeMatMul', (bias: boolean) => ['x', 'w', 'w_scale', 'w_zero', ...(bias ? ['b'] : [])]],
    [
      'MatMulIntegerToFloat',
      (bias: boolean) => ['q', 'w', 'q_scale', 'w_scale', 'q_zero', 'w_zero', ...(bias ? ['b'] : [])],
    ],
  ] as const)('%s', async (opType, inputsOf) => {
    for (const bias of [false, true]) {
      const [inputs, columns] = [6, 3]
      const w = whole([inputs, columns], 8, 0, 250)
      const scales = [0.02, 0.03, 0.01].map(Math.fround)
      const zeros = [128, 120, 7]
      const made = node(`com.microsoft:${opType}`, inputsOf(bias), ['y'])
      const forward = composed(
        opType === 'DynamicQuantizeMatMul'
          ? [made]
          : [node('DynamicQuantizeLinear', ['x'], ['q', 'q_scale', 'q_zero']), made],
        {
          x: { dims: ['n', inputs], type: float },
          ...(bias && { b: { dims: [columns], type: float } }),
          w: { dims: [inputs, columns], type: uint8, data: w },
          w_scale: { dims: [columns], type: float, data: scales },
          w_zero: { dims: [columns], type: uint8, data: zeros },
        },
        ['y'],
      )
      const given = {
        x: drawn([4, inputs], 1, { type: float }),
        ...(bias && { b: drawn([columns], 4, { type: float }) }),
      }
      const dY = drawn([4, columns], 2, { type: float })
      const { y, gradients } = await outputAndGradients(forward, given, dY, Object.keys(given))
      const real = w.map((q, i) => (q - zeros[i % columns]!) * scales[i % columns]!)
      expect(relativeError(gradients['x']!, backward(valuesOf(dY), real, inputs, columns))).toBeLessThan(1e-5)
      expect(y).toHaveLength(4 * columns)
    }
  })

  it('ConvInteger has the gradient of Conv', async () => {
    const w = whole([3, 2, 3], 8, -20, 20)
    const window = { pads: [1, 1], strides: [2] }
    const forward = composed(
      [
        node('DynamicQuantizeLinear', ['x'], ['q', 'q_scale', 'q_zero']),
        node('ConvInteger', ['q', 'w', 'q_zero', 'w_zero'], ['product'], window),
        node('Cast', ['product'], ['real'], { to: float }),
        node('Mul', ['q_scale', 'w_scale'], ['scale']),
        node('Mul', ['real', 'scale'], ['y']),
      ],
      {
        x: { dims: ['n', 2, 7], type: float },
        w: { dims: [3, 2, 3], type: uint8, data: w.map((value) => value + 128) },
        w_scale: { dims: [], type: float, data: [0.5] },
        w_zero: { dims: [], type: uint8, data: [128] },
      },
      ['y'],
    )
    const x = drawn([2, 2, 7], 1, { type: float })
    const dY = drawn([2, 3, 4], 2, { type: float })
    const real = composed(
      [node('Conv', ['x', 'w'], ['y'], window)],
      {
        x: { dims: ['n', 2, 7], type: float },
        w: { dims: [3, 2, 3], type: float, data: w.map((q) => q * 0.5) },
      },
      ['y'],
    )
    const [found, expected] = [
      await gradientsOf(forward, { x }, { y: dY }),
      await gradientsOf(real, { x }, { y: dY }),
    ]
    expect(relativeError(found['x']!, expected['x']!)).toBeLessThan(1e-5)
  })
})

/** Packs numbers of few bits into bytes, the lowest bits first; each row starts a new byte. */
function packed(values: readonly number[], columns: number, bits: number): number[] {
  const per = 8 / bits
  const rows = values.length / columns
  return Array.from({ length: rows }, (_, row) =>
    Array.from({ length: Math.ceil(columns / per) }, (_unused, byte) =>
      Array.from({ length: per }, (_none, i) => {
        const column = byte * per + i
        return column < columns ? values[row * columns + column]! << (bits * i) : 0
      }).reduce((sum, part) => sum | part, 0),
    ),
  ).flat()
}

describe('MatMulNBits', () => {
  const [outputs, block] = [5, 16]
  interface Kind {
    readonly bits: number
    readonly inputs: number
    readonly zeros?: 'packed' | 'real'
    readonly bias?: boolean
    readonly order?: boolean
  }
  const kinds: Kind[] = [
    ...[2, 4, 8].flatMap((bits) => [
      { bits, inputs: 48 },
      { bits, inputs: 40, zeros: 'packed' as const },
    ]),
    { bits: 4, inputs: 48, zeros: 'real' },
    { bits: 4, inputs: 33, bias: true },
    { bits: 4, inputs: 48, zeros: 'real', order: true },
    { bits: 4, inputs: 48, order: true },
  ]

  it.each(kinds)('has the gradient of the product with the weights it stands for: %o', async (kind) => {
    const { bits, inputs, zeros: zeroKind, bias = false, order = false } = kind
    const blocks = Math.ceil(inputs / block)
    const q = whole([outputs, blocks * block], 3, 0, 2 ** bits)
    const scales = valuesOf(drawn([outputs * blocks], 4, { low: 0.05, high: 0.2 })).map(Math.fround)
    const zeros =
      zeroKind === 'real'
        ? valuesOf(drawn([outputs * blocks], 5, { low: 3, high: 9 })).map(Math.fround)
        : zeroKind === 'packed'
          ? whole([outputs, blocks], 5, 0, 2 ** bits)
          : Array.from({ length: outputs * blocks }, () => 2 ** (bits - 1))
    const groups = whole([inputs], 6, 0, blocks)
    const real = Array.from({ length: inputs * outputs }, (_, i) => {
      const [input, output] = [Math.floor(i / outputs), i % outputs]
      const at = output * blocks + (order ? groups[input]! : Math.floor(input / block))
      return (q[output * blocks * block + input]! - zeros[at]!) * scales[at]!
    })
    const zeroOperand: Operand | undefined =
      zeroKind === undefined
        ? undefined
        : zeroKind === 'real'
          ? { dims: [outputs * blocks], type: float, data: zeros }
          : {
              dims: [outputs * Math.ceil((blocks * bits) / 8)],
              type: uint8,
              data: packed(zeros, blocks, bits),
            }
    const forward = composed(
      [
        node(
          'com.microsoft:MatMulNBits',
          ['x', 'w', 'scales', zeroOperand ? 'zeros' : '', order ? 'order' : '', bias ? 'b' : ''],
          ['y'],
          { K: inputs, N: outputs, bits, block_size: block },
        ),
      ],
      {
        x: { dims: ['n', inputs], type: float },
        ...(bias && { b: { dims: [outputs], type: float } }),
        w: {
          dims: [outputs, blocks, (block * bits) / 8],
          type: uint8,
          data: packed(q, blocks * block, bits),
        },
        scales: { dims: [outputs * blocks], type: float, data: scales },
        ...(zeroOperand && { zeros: zeroOperand }),
        ...(order && { order: { dims: [inputs], type: int32, data: groups } }),
      },
      ['y'],
    )
    const x = drawn([3, inputs], 1, { type: float })
    const dY = drawn([3, outputs], 2, { type: float })
    const given = { x, ...(bias && { b: drawn([outputs], 7, { type: float }) }) }
    const { y, gradients } = await outputAndGradients(forward, given, dY, Object.keys(given))
    expect(relativeError(gradients['x']!, backward(valuesOf(dY), real, inputs, outputs))).toBeLessThan(1e-5)
    // The kernel reads the weights in the same way.
    const product = Array.from({ length: 3 * outputs }, (_, i) => {
      const [row, output] = [Math.floor(i / outputs), i % outputs]
      let sum = bias ? valuesOf(given['b' as never])[output]! : 0
      for (let k = 0; k < inputs; k++) sum += valuesOf(x)[row * inputs + k]! * real[k * outputs + output]!
      return sum
    })
    expect(relativeError(y, product)).toBeLessThan(1e-4)
  })

  it.each([
    [{ bits: 3 }, /numbers of 3 bits/],
    [{ bits: 4, N: 0 }, /N, K and block_size must be positive/],
    [{ bits: 4, order: true }, /with g_idx the kernel reads packed zero points otherwise/],
  ])('refuses %o', ({ order, ...attributes }: { order?: boolean; bits: number; N?: number }, message) => {
    const types = composed(
      [
        node('com.microsoft:MatMulNBits', ['x', 'w', 'scales', 'zeros', order ? 'order' : ''], ['z'], {
          K: 16,
          N: 2,
          block_size: 16,
          ...attributes,
        }),
      ],
      {
        x: { dims: [1, 16], type: float },
        w: { dims: [2, 1, 8], type: uint8 },
        scales: { dims: [2], type: float },
        zeros: { dims: [2], type: uint8 },
        order: { dims: [16], type: int32 },
      },
      ['z'],
    )
    const request = {
      graph: types.graph,
      types: valueTypes(types.graph),
      opset: 17,
      seeds: new Map([['z', 'seed']]),
      wanted: ['x'],
    }
    expect(() => addGradients(request)).toThrow(message)
  })

  it('does not let the runtime unpack the weights when it loads the model', async () => {
    const [inputs, columns] = [64, 32]
    const forward = composed(
      [
        node('com.microsoft:MatMulNBits', ['x', 'w', 'scales'], ['z'], {
          K: inputs,
          N: columns,
          bits: 4,
          block_size: 32,
        }),
        node('Relu', ['z'], ['y']),
      ],
      {
        x: { dims: ['n', inputs], type: float },
        w: { dims: [columns, 2, 16], type: uint8, data: whole([columns, 2, 16], 1, 0, 256) },
        scales: { dims: [columns * 2], type: float, data: [...numbers(columns * 2, 2, 0.1)] },
      },
      ['y'],
    )
    const made = lowerModel(
      await gradientModel(forward, { y: drawn([2, columns], 3, { type: float }) }, ['x']),
    )
    const constants = new Set(made.graph.initializer.map(({ name }) => name))
    const known = (name: string): boolean => constants.has(name) || name === ''
    for (const { input, output } of made.graph.node)
      if (input.every(known)) for (const name of output) constants.add(name)
    const shifts = made.graph.node.filter(({ opType }) => opType === 'BitShift')
    expect(shifts.length).toBeGreaterThan(0)
    for (const { output } of shifts) expect(constants.has(output[0]!)).toBe(false)
  })
})
