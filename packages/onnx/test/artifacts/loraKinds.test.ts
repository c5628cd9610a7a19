import { describe, expect, it } from 'vitest'
import { addLora, type LoraOptions } from '../../src/artifacts/lora/add.js'
import { mergeLora } from '../../src/artifacts/lora/merge.js'
import { fromHalf, toHalf } from '../../src/proto/half.js'
import {
  createModelBuilder,
  createTensor,
  dataType,
  readModel,
  readTensor,
  writeModel,
  type Model,
  type ModelBuilder,
} from '../../src/proto/index.js'
import { numbers } from '../builder.js'
import { quantized, type Quantization } from '../quantize.js'
import { relativeError, runModel, type PlainTensor } from '../run.js'

const { float, float16, int64, int8, int4 } = dataType
const sizeOf = (dims: readonly number[]): number => dims.reduce((product, extent) => product * extent, 1)
const input = (dims: readonly number[]): PlainTensor => ({ dims, data: [...numbers(sizeOf(dims), 9, 1)] })

/** A model of one input and one weight. */
function withWeight(
  xDims: readonly (number | string)[],
  weightDims: readonly number[],
  emit: (builder: ModelBuilder, x: string, weight: string) => string,
  xType: number = float,
): Model {
  const builder = createModelBuilder(17)
  const x = builder.input('x', xType, xDims)
  const weight = builder.initializer('weight', weightDims, float, numbers(sizeOf(weightDims), 5, 0.7))
  builder.output(builder.emit('Identity', [emit(builder, x, weight)], {}, 'y'), float, undefined!)
  return builder.build('model')
}

/** Gives the second factors values, as training would. */
function trained(model: Model): Model {
  const copy = readModel(writeModel(model))
  copy.graph.initializer = copy.graph.initializer.map((tensor, i) => {
    if (!tensor.name.endsWith('.lora_B')) return tensor
    const { dims, data } = readTensor(tensor)
    return createTensor(tensor.name, dims, float, numbers(data.length, i, 0.5))
  })
  return copy
}

const ids: PlainTensor = { type: 'int64', dims: [2, 3], data: [1, 0, 4, 2, 1, 0] }
const window = { pads: [1, 0, 2, 1], strides: [2, 1], dilations: [1, 2] }
const bias = (b: ModelBuilder, size: number) => b.initializer('bias', [size], float, numbers(size, 6, 0.3))
const attention = (b: ModelBuilder, x: string, w: string) =>
  b.emit('com.microsoft:Attention', [x, w, bias(b, 12)], { num_heads: 2 })

const cases: Record<
  string,
  { model: Model; x: PlainTensor; options?: Partial<LoraOptions>; factors?: number }
> = {
  'an embedding': {
    model: withWeight(['batch', 'length'], [5, 4], (b, x, w) => b.emit('Gather', [w, x]), int64),
    x: ids,
  },
  'a convolution': {
    model: withWeight(['batch', 3, 'h', 'w'], [4, 3, 2, 3], (b, x, w) =>
      b.emit('Conv', [x, w, bias(b, 4)], window),
    ),
    x: input([2, 3, 6, 7]),
  },
  'a convolution in one dimension': {
    model: withWeight(['batch', 3, 'w'], [4, 3, 5], (b, x, w) =>
      b.emit('Conv', [x, w], { auto_pad: 'SAME_UPPER' }),
    ),
    x: input([2, 3, 6]),
  },
  'a convolution with groups': {
    model: withWeight(['batch', 4, 'w'], [6, 2, 3], (b, x, w) => b.emit('Conv', [x, w], { group: 2 })),
    x: input([2, 4, 6]),
  },
  'the weights of an attention': {
    model: withWeight(['batch', 3, 4], [4, 12], attention),
    x: input([2, 3, 4]),
  },
  'parts of the weights of an attention': {
    model: withWeight(['batch', 3, 4], [4, 12], attention),
    x: input([2, 3, 4]),
    options: { qkv: ['q', 'v'] },
    factors: 4,
  },
  'parts of a MatMul': {
    model: withWeight(['batch', 4], [4, 9], (b, x, w) => b.emit('MatMul', [x, w])),
    x: input([3, 4]),
    options: { qkv: ['v', 'q'] },
    factors: 4,
  },
  'one part of a Gemm': {
    model: withWeight(['batch', 4], [9, 4], (b, x, w) =>
      b.emit('Gemm', [x, w], { transB: 1, alpha: { float: 0.5 } }),
    ),
    x: input([3, 4]),
    options: { qkv: ['k'] },
    factors: 2,
  },
  'a FusedMatMul': {
    model: withWeight(['batch', 4], [5, 4], (b, x, w) =>
      b.emit('com.microsoft:FusedMatMul', [x, w], { transB: 1 }),
    ),
    x: input([3, 4]),
  },
}

const outputOf = async (model: Model, x: PlainTensor) =>
  Object.values(await runModel(model, { x }, 'disabled'))[0]!

describe.each(Object.entries(cases))('adapters beside %s', (_name, { model, x, options, factors = 2 }) => {
  const { model: adapted, trainable } = addLora(model, {
    rank: 2,
    alpha: 3,
    targets: 'weight',
    seed: 1,
    ...options,
  })

  it('change nothing at first, and nothing of the model that was given', async () => {
    const bytes = writeModel(model)
    expect(trainable).toHaveLength(factors)
    expect(await outputOf(adapted, x)).toEqual(await outputOf(model, x))
    expect(writeModel(model)).toEqual(bytes)
    expect(writeModel(mergeLora(adapted))).toEqual(bytes)
  })

  it('do what they do when merged', async () => {
    const changed = trained(adapted)
    const merged = mergeLora(changed)
    expect(merged.graph.node).toEqual(readModel(writeModel(model)).graph.node)
    const [together, apart, before] = [
      await outputOf(merged, x),
      await outputOf(changed, x),
      await outputOf(model, x),
    ]
    expect(relativeError(apart.data, together.data)).toBeLessThan(1e-6)
    expect(relativeError(before.data, together.data)).toBeGreaterThan(1e-2)
  })
})

describe('parts of a projection', () => {
  it('change their outputs and no others', async () => {
    const { model, x } = cases['parts of a MatMul']!
    const { model: adapted, trainable } = addLora(model, { rank: 2, targets: 'weight', qkv: ['q', 'v'] })
    expect(trainable).toEqual(['weight.q.lora_A', 'weight.q.lora_B', 'weight.v.lora_A', 'weight.v.lora_B'])
    const [before, after] = [await outputOf(model, x), await outputOf(trained(adapted), x)]
    const moved = after.data.map((value, i) => value !== before.data[i])
    expect(moved).toEqual(moved.map((_, i) => i % 9 < 3 || i % 9 >= 6))
  })

  it('must be thirds, and named', () => {
    const add =
      (qkv: unknown, dims: readonly number[] = [4, 9]) =>
      () =>
        addLora(
          withWeight(['batch', 4], dims, (b, x, w) => b.emit('MatMul', [x, w])),
          {
            rank: 1,
            targets: 'weight',
            qkv: qkv as never,
          },
        )
    expect(add(['q'], [4, 8])).toThrow(/ERR_OPTION: qkv: "weight" has 8 outputs/)
    for (const wrong of [[], ['x'], 'q', ['q', 'q']])
      expect(add(wrong)).toThrow(/ERR_OPTION: qkv is .*give a list/)
  })
})

it('targets can be chosen by their operator', () => {
  const builder = createModelBuilder(17)
  const [x, tokens] = [builder.input('x', float, ['n', 4]), builder.input('ids', int64, ['n'])]
  const table = builder.initializer('table', [5, 4], float, numbers(20, 1, 1))
  const weight = builder.initializer('weight', [4, 4], float, numbers(16, 2, 1))
  const sum = builder.emit('Add', [
    builder.emit('Gather', [table, tokens]),
    builder.emit('MatMul', [x, weight]),
  ])
  builder.output(builder.emit('Identity', [sum], {}, 'y'), float, ['n', 4])
  const model = builder.build('both')
  const of = (targets: LoraOptions['targets']) => addLora(model, { rank: 1, targets }).trainable
  expect(of((_, { operator }) => operator === 'ai.onnx::Gather')).toEqual(['table.lora_A', 'table.lora_B'])
  expect(of('*')).toHaveLength(4)
  // Rows are looked up, so the first factor is not scaled by how many there are.
  const { model: adapted } = addLora(model, { rank: 4, targets: 'table' })
  const { data } = readTensor(adapted.graph.initializer.find(({ name }) => name === 'table.lora_A')!)
  expect(Math.max(...Array.from(data as Float32Array, Math.abs))).toBeLessThanOrEqual(0.5)
})

describe.each<[Quantization, boolean]>([
  ['MatMulNBits', true],
  ['MatMulNBits with zero points', true],
  ['DequantizeLinear', true],
  // These round the activations, too, which a merged product does not.
  ['MatMulInteger', false],
  ['DynamicQuantizeMatMul', false],
  ['MatMulIntegerToFloat', false],
])('adapters beside weights in %s', (kind, isExact) => {
  const base = withWeight(['batch', 3, 36], [36, 6], (b, x, w) =>
    b.emit('Add', [b.emit('MatMul', [x, w]), bias(b, 6)]),
  )
  const model = quantized(base, kind)
  const x = input([2, 3, 36])
  const { model: adapted, trainable } = addLora(model, { rank: 2, targets: 'weight_quant', seed: 1 })

  it('change nothing at first, and leave the bytes of the weight', async () => {
    expect(trainable).toEqual(['weight_quant.lora_A', 'weight_quant.lora_B'])
    expect(await outputOf(adapted, x)).toEqual(await outputOf(model, x))
    for (const tensor of model.graph.initializer) {
      expect(adapted.graph.initializer.find(({ name }) => name === tensor.name)).toEqual(tensor)
    }
  })

  it('merge into weights of float where that is asked for, and are refused otherwise', async () => {
    const changed = trained(adapted)
    expect(() => mergeLora(changed)).toThrow(
      /ERR_NOT_SUPPORTED.*"weight_quant" is quantised.*dequantize: true/,
    )
    const merged = mergeLora(changed, [], { dequantize: true })
    expect(merged.graph.node.some(({ opType }) => /Integer|NBits|Quantize/.test(opType))).toBe(false)
    expect(merged.graph.initializer.every(({ name }) => !/lora|scales|zeros/.test(name))).toBe(true)
    const [together, apart] = [await outputOf(merged, x), await outputOf(changed, x)]
    expect(relativeError(apart.data, together.data)).toBeLessThan(isExact ? 1e-5 : 0.02)
  })
})

it('adapters beside weights of four bits in blocks, behind DequantizeLinear', async () => {
  const builder = createModelBuilder(21)
  const x = builder.input('x', float, ['batch', 8])
  const packed = createTensor(
    'weight',
    [8, 4],
    int4,
    Uint8Array.from({ length: 16 }, (_, i) => (i * 37) & 255),
  )
  const scales = builder.initializer('scales', [2, 4], float, numbers(8, 3, 0.2))
  const zeros = createTensor('zeros', [2, 4], int4, Uint8Array.of(0x21, 0xf0, 0x00, 0x13))
  const real = builder.emit('DequantizeLinear', ['weight', scales, 'zeros'], { axis: 0, block_size: 4 })
  builder.output(builder.emit('MatMul', [x, real], {}, 'y'), float, ['batch', 4])
  const model = builder.build('blocks')
  model.graph.initializer.push(packed, zeros)
  model.irVersion = 10n
  const { model: adapted } = addLora(model, { rank: 2, targets: 'weight' })
  const changed = trained(adapted)
  const given = input([3, 8])
  const merged = mergeLora(changed, [], { dequantize: true })
  const [apart, together] = [await outputOf(changed, given), await outputOf(merged, given)]
  expect(relativeError(apart.data, together.data)).toBeLessThan(1e-6)
})

it('adapters beside an embedding of eight bits, as the dynamic quantiser writes it', async () => {
  const builder = createModelBuilder(17)
  const tokens = builder.input('x', int64, ['batch', 'length'])
  const table = builder.initializer(
    'table',
    [5, 4],
    int8,
    Int8Array.from({ length: 20 }, (_, i) => i * 11 - 100),
  )
  const scale = builder.initializer('scale', [], float, Float32Array.of(0.02))
  const rows = builder.emit('Gather', [table, tokens])
  builder.output(builder.emit('DequantizeLinear', [rows, scale], {}, 'y'), float, ['batch', 'length', 4])
  const model = builder.build('rows')
  const { model: adapted } = addLora(model, { rank: 2, targets: '*' })
  expect(await outputOf(adapted, ids)).toEqual(await outputOf(model, ids))
  const [before, after] = [await outputOf(model, ids), await outputOf(trained(adapted), ids)]
  const [a, b] = ['table.lora_A', 'table.lora_B'].map(
    (name) =>
      readTensor(trained(adapted).graph.initializer.find((tensor) => tensor.name === name)!)
        .data as Float32Array,
  )
  const expected = before.data.map((value, i) => {
    const [id, column] = [ids.data[Math.floor(i / 4)]!, i % 4]
    return value + a![id]! * b![column * 2]! + a![5 + id]! * b![column * 2 + 1]!
  })
  expect(relativeError(after.data, expected)).toBeLessThan(1e-6)
  expect(() => mergeLora(adapted, [], { dequantize: true })).toThrow(
    /ERR_NOT_SUPPORTED.*Gather of a quantised weight/,
  )
})

describe('weights of float16', () => {
  const half = (name: string, dims: readonly number[], values: ArrayLike<number>) =>
    createTensor(name, dims, float16, Uint16Array.from(values, toHalf))

  it('have adapters of float32 behind a Cast, and merge into float16', async () => {
    const builder = createModelBuilder(17)
    const x = builder.input('x', float, ['batch', 4])
    builder.output(
      builder.emit('MatMul', [x, builder.emit('Cast', ['weight'], { to: float })], {}, 'y'),
      float,
      ['batch', 3],
    )
    const model = builder.build('half')
    model.graph.initializer.push(half('weight', [4, 3], numbers(12, 3, 0.5)))
    const { model: adapted } = addLora(model, { rank: 2, targets: 'weight' })
    expect(adapted.graph.initializer.find(({ name }) => name === 'weight.lora_A')!.dataType).toBe(float)
    const changed = trained(adapted)
    const merged = mergeLora(changed)
    expect(merged.graph.initializer.find(({ name }) => name === 'weight')!.dataType).toBe(float16)
    const given = input([3, 4])
    const [apart, together] = [await outputOf(changed, given), await outputOf(merged, given)]
    expect(relativeError(apart.data, together.data)).toBeLessThan(1e-3)
  })

  it('are read and rounded as IEEE 754 has it', () => {
    const known: [number, number][] = [
      [0x0000, 0],
      [0x3c00, 1],
      [0xc000, -2],
      [0x7bff, 65504],
      [0x0001, 2 ** -24],
      [0x03ff, 1023 * 2 ** -24],
      [0x0400, 2 ** -14],
      [0x3555, 0.333251953125],
      [0x7c00, Infinity],
      [0xfc00, -Infinity],
    ]
    for (const [bits, value] of known) {
      expect(fromHalf(bits)).toBe(value)
      expect(toHalf(value)).toBe(bits)
    }
    for (let bits = 0; bits < 0x7c00; bits++) expect(toHalf(fromHalf(bits))).toBe(bits)
    // Halves round to even, and 65520 is as near to what would be 65536.
    expect(toHalf(1 + 2 ** -11)).toBe(0x3c00)
    expect(toHalf(1 + 3 * 2 ** -11)).toBe(0x3c02)
    expect(toHalf(2 - 2 ** -12)).toBe(0x4000)
    expect(toHalf(65519)).toBe(0x7bff)
    expect(toHalf(65520)).toBe(0x7c00)
    expect(toHalf(NaN)).toBe(0x7e00)
    expect(fromHalf(0x7e00)).toBeNaN()
  })
})
