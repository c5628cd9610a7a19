import * as ort from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { addLora, crossEntropyLoss, type GenerateOptions } from '../../src/artifacts/index.js'
import { gpt, lenet, mlp } from '../../src/models/index.js'
import { createModelBuilder, dataType, readTensor, writeModel, type Model } from '../../src/proto/index.js'
import { lowerForWebGpu, lowerTrainingForWebGpu } from '../../src/webgpu/lower.js'
import { numbers } from '../builder.js'
import { relativeError } from '../run.js'
import { bothOf, halfOf, runLowered, type Pair } from './networks.js'

// The stock runtime runs models lowered for WebGPU as well: their losses and gradients are those of the usual lowering.

type Options = Omit<GenerateOptions, 'ort'>

async function expectEqual(pair: Pair, most = 2e-6): Promise<void> {
  const results = await runLowered(pair)
  expect(results.size).toBeGreaterThan(1)
  for (const [name, expected] of pair.plain) {
    const error = relativeError(results.get(name)!, expected)
    expect(error, name).toBeLessThan(most)
  }
}

const small = gpt({ vocabulary: 7, context: 6, layers: 1, heads: 2, width: 8, flatten: true, seed: 4 })
const networks: readonly (readonly [string, Model, Record<string, number>])[] = [
  ['MLP', mlp({ sizes: [12, 9, 7], seed: 1 }), { batch: 5 }],
  ['LeNet', lenet({ size: 12, classes: 7, seed: 2 }), { batch: 3 }],
  ['GPT', small, { batch: 2, sequence: 6, tokens: 12 }],
]

it.each(networks)('%s', async (_, forward, extents) => {
  await expectEqual(await bothOf(forward, { loss: 'cross-entropy' }, extents))
})

it('leaves nothing of a GPT to be computed from shapes, and no copy of a buffer', async () => {
  const { lowered } = await bothOf(small, { loss: 'cross-entropy' }, { batch: 2, sequence: 6, tokens: 12 })
  const { node, output, input, initializer } = lowered.model.graph
  const kinds = new Set(node.map(({ opType }) => opType))
  for (const kind of [
    'Shape',
    'Size',
    'NonZero',
    'ConstantOfShape',
    'Range',
    'Identity',
    'Sum',
    'LogSoftmax',
  ])
    expect([kind, kinds.has(kind)]).toEqual([kind, false])
  const copies = new Set(['Reshape', 'Squeeze', 'Unsqueeze', 'Flatten'])
  for (const { name } of output) {
    const producer = node.find((one) => one.output.includes(name))
    expect(producer && !copies.has(producer.opType), name).toBe(true)
  }
  expect(lowered.narrowed).toEqual(new Set(['input_ids', 'labels']))
  // What is left of int64 are extents, places and axes.
  const constants = new Map(initializer.map((tensor) => [tensor.name, tensor]))
  for (const { opType, input: read } of node) {
    if (constants.get(read[0] ?? '')?.dataType === dataType.int64) throw new Error(`${opType} reads int64`)
  }
  expect(input.length).toBeGreaterThan(3)
})

interface Images {
  readonly dims?: readonly number[]
  readonly weights?: readonly number[]
  /** Writes the nodes from the input and the weights to the result. */
  readonly write: (builder: ReturnType<typeof createModelBuilder>, x: string, w: string) => string
  readonly result: readonly number[]
}

/** A network of a few nodes between an input and a mean squared error, with weights before and after what is tested. */
function fewNodes({ dims = [2, 3, 7, 6], weights = [3], write, result }: Images): Model {
  const builder = createModelBuilder(17)
  const x = builder.input('x', dataType.float, ['batch', ...dims.slice(1)])
  const size = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1)
  const last = dims.at(-1)!
  const scale = builder.initializer('scale', [last], dataType.float, Float32Array.from(numbers(last, 3, 1)))
  const w = builder.initializer(
    'w',
    [...weights],
    dataType.float,
    Float32Array.from(numbers(size(weights), 5, 1)),
  )
  const made = write(builder, builder.emit('Mul', [x, scale]), w)
  builder.output(builder.emit('Identity', [made], {}, 'y'), dataType.float, ['batch', ...result.slice(1)])
  return builder.build('few')
}

const pool = (opType: string, attributes: object, result: readonly number[]): Images => ({
  weights: [1, 3, 1, 1],
  write: (builder, x, w) => builder.emit(opType, [builder.emit('Mul', [x, w])], attributes as never),
  result,
})
const conv = (
  opType: string,
  attributes: object,
  weights: readonly number[],
  result: readonly number[],
): Images => ({
  weights,
  write: (builder, x, w) => builder.emit(opType, [x, w], attributes as never),
  result,
})
const activation = (opType: string): Images => ({
  dims: [2, 5],
  weights: [5],
  write: (builder, x, w) => builder.emit('Mul', [builder.emit(opType, [x]), w]),
  result: [2, 5],
})

const few: Record<string, Images> = {
  'a pool of windows apart': pool('MaxPool', { kernel_shape: [2, 2], strides: [3, 2] }, [2, 3, 2, 3]),
  'a pool of overlapping windows, padded': pool(
    'MaxPool',
    { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] },
    [2, 3, 4, 3],
  ),
  'a pool that rounds up': pool(
    'MaxPool',
    { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 },
    [2, 3, 3, 3],
  ),
  'a convolution with strides': conv(
    'Conv',
    { kernel_shape: [3, 3], strides: [2, 3], pads: [1, 0, 1, 1] },
    [4, 3, 3, 3],
    [2, 4, 4, 2],
  ),
  'a convolution that does not reach the end': conv(
    'Conv',
    { kernel_shape: [2, 3], strides: [4, 4] },
    [4, 3, 2, 3],
    [2, 4, 2, 1],
  ),
  'a grouped convolution': conv(
    'Conv',
    { kernel_shape: [3, 3], group: 3, dilations: [2, 1] },
    [6, 1, 3, 3],
    [2, 6, 3, 4],
  ),
  'a transposed convolution': conv(
    'ConvTranspose',
    { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] },
    [3, 2, 3, 3],
    [2, 2, 13, 11],
  ),
  'a slice': {
    dims: [2, 5],
    weights: [5],
    write: (b, x, w) =>
      b.emit('Mul', [
        b.emit('Slice', [x, b.ints([-4]), b.ints([9]), b.ints([1])]),
        b.emit('Slice', [w, b.ints([1]), b.ints([5])]),
      ]),
    result: [2, 4],
  },
  'columns that are looked up': {
    dims: [2, 5],
    weights: [5],
    write: (b, x, w) => b.emit('Gather', [b.emit('Mul', [x, w]), b.ints([3, 1, 3])], { axis: 1 }),
    result: [2, 3],
  },
  'a maximum over an axis': {
    dims: [2, 5],
    weights: [5],
    write: (b, x, w) => b.emit('ReduceMax', [b.emit('Mul', [x, w])], { axes: [1], keepdims: 1 }),
    result: [2, 1],
  },
  'the first maxima': {
    weights: [1, 3, 1, 1],
    write: (b, x, w) => b.emit('GlobalMaxPool', [b.emit('Mul', [x, w])]),
    result: [2, 3, 1, 1],
  },
  ...Object.fromEntries(
    ['Relu', 'Elu', 'Selu', 'HardSigmoid', 'Sigmoid', 'Softplus', 'Softmax', 'LogSoftmax', 'Abs', 'Sign'].map(
      (name) => [name, activation(name)],
    ),
  ),
  Clip: {
    dims: [2, 5],
    weights: [5],
    write: (b, x, w) => b.emit('Clip', [b.emit('Mul', [x, w]), b.real(-0.1, 1), b.real(0.3, 1)]),
    result: [2, 5],
  },
}

describe('a few nodes', () => {
  it.each(Object.entries(few))('%s', async (_, given) => {
    await expectEqual(await bothOf(fewNodes(given), { loss: 'mse' }, { batch: given.dims?.[0] ?? 2 }))
  })
})

it('batch normalisations move their statistics', async () => {
  const model = fewNodes({
    weights: [3],
    write(b, x, w) {
      const constant = (name: string, value: number) =>
        b.initializer(name, [3], dataType.float, new Float32Array(3).fill(value))
      const inputs = [x, w, constant('bias', 0.1), constant('mean', 0), constant('variance', 1)]
      return b.emitAll('BatchNormalization', inputs, { training_mode: 1 }, 3)[0]!
    },
    result: [2, 3, 7, 6],
  })
  const pair = await bothOf(model, { loss: 'mse' }, { batch: 2 })
  await expectEqual(pair, 1e-5)
  expect(pair.lowered.buffers.map(({ parameter }) => parameter).sort()).toEqual(['mean', 'variance'])
})

describe('labels', () => {
  const options: Record<string, Options> = {
    'to be ignored': { loss: crossEntropyLoss({ ignoreIndex: 3 }) },
    'with weights of classes': { loss: crossEntropyLoss({ weight: [1, 2, 0.5, 1, 3, 1, 2] }) },
    'whose losses are summed': { loss: crossEntropyLoss({ reduction: 'sum' }) },
  }
  it.each(Object.entries(options))('%s', async (_, given) => {
    await expectEqual(await bothOf(mlp({ sizes: [6, 7], seed: 1 }), given, { batch: 9 }))
  })
})

it('adapters on a GPT, whose frozen weights stay out of the gradients', async () => {
  const { model, trainable } = addLora(small, { rank: 2, targets: '*.attn.*.weight', seed: 1 })
  const options = { loss: 'cross-entropy', requiresGrad: trainable } as const
  const pair = await bothOf(model, options, { batch: 2, sequence: 6, tokens: 12 })
  await expectEqual(pair)
  expect(pair.lowered.gradients.map(({ parameter }) => parameter).sort()).toEqual([...trainable].sort())
})

it('adds to the rows of a table that is too large for a product', async () => {
  const builder = createModelBuilder(17)
  const ids = builder.input('ids', dataType.int64, ['batch'])
  const table = builder.initializer('table', [70_000, 1], dataType.float, new Float32Array(70_000).fill(0.5))
  builder.output(builder.emit('Gather', [table, ids], {}, 'y'), dataType.float, ['batch', 1])
  const pair = await bothOf(builder.build('table'), { loss: 'mse' }, { batch: 256 })
  expect(pair.lowered.zero).toBeDefined()
  await expectEqual(pair)
})

it.each([[[]], [[1]], [[2, 1]]])('keeps the extents %j of an output that is an input', async (dims) => {
  const builder = createModelBuilder(17)
  const x = builder.input('x', dataType.float, dims)
  builder.output(builder.emit('Identity', [x], {}, 'y'), dataType.float, dims)
  const { model, zero } = await lowerForWebGpu(builder.build('copy'), { extents: {}, ort })
  const session = await ort.InferenceSession.create(writeModel(model))
  const data = new Float32Array(dims.reduce((size, extent) => size * extent, 1)).fill(3)
  const feeds = { x: new ort.Tensor(data, dims), [zero!]: new ort.Tensor(new Float32Array(1), []) }
  const { y } = await session.run(feeds)
  expect([y!.dims, y!.data]).toEqual([dims, data])
  await session.release()
})

it('makes dropout a product with a mask that is fed', async () => {
  const dropout = (withMask: boolean): Model =>
    fewNodes({
      dims: [4, 6],
      weights: [6],
      write(b, x, w) {
        const product = b.emit('Mul', [x, w])
        if (!withMask) return b.emit('Dropout', [product, b.real(0.5, 1)])
        const mask = b.initializer('mask', [4, 6], dataType.float, halfOf([4, 6]))
        return b.emit('Mul', [product, mask])
      },
      result: [4, 6],
    })
  const dropping = await bothOf(dropout(false), { loss: 'mse' }, { batch: 4 })
  expect(dropping.lowered.masks).toEqual([
    { input: expect.any(String) as string, dims: [4, 6], ratio: 0.5, seed: undefined },
  ])
  const given = await bothOf(dropout(true), { loss: 'mse', requiresGrad: ['w', 'scale'] }, { batch: 4 })
  const results = await runLowered(dropping)
  // Without the mask, which is a parameter of the other one.
  for (const [name, expected] of given.plain) {
    const found = results.get(name)
    expect(found, `${name} among ${[...results.keys()].join(', ')}`).toBeDefined()
    expect(relativeError(found!, expected), name).toBeLessThan(1e-6)
  }
})

it('refuses a pool whose indices are read, naming it', async () => {
  const dilated = pool('MaxPool', { kernel_shape: [2, 2], dilations: [2, 2] }, [2, 3, 5, 4])
  await expect(bothOf(fewNodes(dilated), { loss: 'mse' }, { batch: 2 })).rejects.toMatchObject({
    code: 'ERR_NOT_SUPPORTED',
    message: expect.stringMatching(/operator MaxPool .*indices are read/) as string,
  })
})

describe('extents', () => {
  const model = mlp({ sizes: [3, 2], seed: 1 })
  it('refuses a missing one, naming the axis', async () => {
    const pair = await bothOf(model, { loss: 'mse' }, { batch: 4 })
    await expect(lowerTrainingForWebGpu(pair.model, { extents: {}, ort })).rejects.toMatchObject({
      code: 'ERR_OPTION',
      message: expect.stringContaining('{ batch: 32 }') as string,
    })
  })
  it('become those of the inputs', async () => {
    const { lowered } = await bothOf(model, { loss: 'mse' }, { batch: 4 })
    const dims = lowered.model.graph.input[0]!.type?.value.value as {
      shape: { dim: { value: { value: bigint } }[] }
    }
    expect(dims.shape.dim.map(({ value }) => Number(value.value))).toEqual([4, 3])
    for (const tensor of lowered.model.graph.initializer) expect(() => readTensor(tensor)).not.toThrow()
  })
})
