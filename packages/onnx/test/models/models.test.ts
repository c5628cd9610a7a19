import { InducedMetricError } from '@induced-metric/core'
import { describe, expect, it } from 'vitest'
import { gpt, lenet, mlp, recurrent, resnet18, type ModelOptions } from '../../src/models/index.js'
import { dataType, opsetOf, readTensor, writeModel, type Model } from '../../src/proto/index.js'
import { numbers } from '../builder.js'
import { relativeError, runModel, type PlainTensor } from '../run.js'
import {
  add,
  attention,
  batchNormalization,
  convolution,
  embed,
  gelu,
  geluTanh,
  globalAverage,
  layerNormalization,
  linear,
  map,
  mean,
  parametersOf,
  pool,
  type Values,
} from './reference.js'

const opsets = [13, 14, 16, 17, 18, 20, 22]
const relu = (x: number): number => Math.max(x, 0)

function image(dims: readonly number[], type = 'float32'): PlainTensor {
  const size = dims.reduce((product, extent) => product * extent, 1)
  return { type, dims, data: [...numbers(size, 3, 1)] }
}

async function compare(
  model: Model,
  inputs: Readonly<Record<string, PlainTensor>>,
  expected: Values,
  tolerance: number,
  level: 'all' | 'disabled' = 'all',
): Promise<void> {
  const [result] = Object.values(await runModel(model, inputs, level))
  expect(result!.dims).toEqual(expected.dims)
  expect(relativeError(result!.data, expected.data)).toBeLessThan(tolerance)
}

/** The result of a model's forward pass, in plain loops. */
function mlpByHand(model: Model, x: Values, f: (x: number) => number): Values {
  const p = parametersOf(model)
  const layers = model.graph.initializer.length / 2
  let values = x
  for (let i = 0; i < layers; i++) {
    if (i > 0) values = map(values, f)
    values = linear(values, p(`layers.${i}.weight`), p(`layers.${i}.bias`))
  }
  return values
}

describe('mlp', () => {
  const functions = { relu, tanh: Math.tanh, sigmoid: (x: number) => 1 / (1 + Math.exp(-x)), gelu }

  it.each(opsets)('in opset %d gives what plain loops give', async (opset) => {
    for (const [activation, f] of Object.entries(functions)) {
      const model = mlp({ sizes: [6, 9, 5, 3], activation: activation as 'relu', opset, seed: 1 })
      expect(opsetOf(model)).toBe(opset)
      const input = image([4, 6])
      await compare(model, { input }, mlpByHand(model, input, f), 1e-6)
    }
  })

  it('flattens examples of several axes, and ends with an activation behind the logits', async () => {
    const dense = mlp({ sizes: [6, 9, 3], seed: 1 })
    const model = mlp({ sizes: [6, 9, 3], seed: 1, inputShape: [2, 3], finalActivation: 'sigmoid' })
    const input = image([4, 2, 3])
    const wanted = mlpByHand(dense, { ...input, dims: [4, 6] }, relu)
    await compare(model, { input }, map(wanted, functions.sigmoid), 1e-6)
    expect(model.graph.node.flatMap(({ output }) => output)).toContain('logits')
    const soft = mlp({ sizes: [6, 3], inputShape: [6], finalActivation: 'softmax' })
    const { data } = (await runModel(soft, { input: image([1, 6]) }))['output']!
    expect(data[0]! + data[1]! + data[2]!).toBeCloseTo(1, 6)
  })

  it('refuses an input of another size, and activations that there are not', () => {
    expect(() => mlp({ sizes: [6, 3], inputShape: [2, 2] })).toThrow(/ERR_OPTION.*4 elements.*is 6/)
    expect(() => mlp({ sizes: [6, 3], activation: 'swish' as 'relu' })).toThrow(/ERR_OPTION.*"swish"/)
    expect(() => mlp({ sizes: [6, 3], finalActivation: 'x' as 'relu' })).toThrow(/finalActivation is "x"/)
  })

  it('in double precision', async () => {
    const model = mlp({ sizes: [6, 9, 3], activation: 'tanh', dtype: 'float64' })
    const input = image([4, 6], 'float64')
    await compare(model, { input }, mlpByHand(model, input, Math.tanh), 1e-14)
  })
})

describe('lenet', () => {
  const kinds = [
    { pool: 'max', activation: 'relu', reduce: (v: readonly number[]) => Math.max(...v), f: relu },
    { pool: 'average', activation: 'tanh', reduce: mean, f: Math.tanh },
  ] as const

  it.each(opsets)('in opset %d gives what plain loops give', async (opset) => {
    for (const { pool: kind, activation, reduce, f } of kinds) {
      const model = lenet({ channels: 2, size: 16, classes: 4, pool: kind, activation, opset, seed: 2 })
      const p = parametersOf(model)
      const input = image([3, 2, 16, 16])
      let x: Values = input
      for (const [name, padding] of [
        ['conv1', 2],
        ['conv2', 0],
      ] as const) {
        x = pool(map(convolution(x, p(`${name}.weight`), p(`${name}.bias`), 1, padding), f), reduce)
      }
      x = { dims: [3, 64], data: x.data }
      for (const name of ['fc1', 'fc2', 'fc3']) {
        x = linear(x, p(`${name}.weight`), p(`${name}.bias`))
        if (name !== 'fc3') x = map(x, f)
      }
      await compare(model, { input }, x, 1e-6)
    }
  })

  it('has the parameters of LeNet-5', () => {
    expect(sizeOf(lenet())).toBe(61_706)
  })
})

describe('resnet18', () => {
  function byHand(model: Model, input: Values, training: boolean): Values {
    const p = parametersOf(model)
    const conv = (name: string, norm: string, x: Values, stride: number, padding: number): Values =>
      batchNormalization(
        convolution(x, p(`${name}.weight`), undefined, stride, padding),
        [p(`${norm}.weight`), p(`${norm}.bias`), p(`${norm}.running_mean`), p(`${norm}.running_var`)],
        training,
      )
    let x = map(conv('conv1', 'bn1', input, 1, 1), relu)
    for (const stage of [1, 2, 3, 4]) {
      for (const place of [0, 1]) {
        const name = `layer${stage}.${place}`
        const stride = stage > 1 && place === 0 ? 2 : 1
        const inner = map(conv(`${name}.conv1`, `${name}.bn1`, x, stride, 1), relu)
        const outer = conv(`${name}.conv2`, `${name}.bn2`, inner, 1, 1)
        const shortcut = stride === 2 ? conv(`${name}.downsample.0`, `${name}.downsample.1`, x, 2, 0) : x
        x = map(add(outer, shortcut), relu)
      }
    }
    return linear(globalAverage(x), p('fc.weight'), p('fc.bias'))
  }

  it.each(opsets)('in opset %d gives what plain loops give', async (opset) => {
    const input = image([2, 3, 16, 16])
    for (const training of opset < 14 ? [false] : [false, true]) {
      const model = resnet18({ width: 4, size: 16, classes: 5, training, opset, seed: 3 })
      // The runtime's optimisations ignore a training mode whose statistics nothing reads.
      const level = training ? 'disabled' : 'all'
      await compare(model, { input }, byHand(model, input, training), 2e-6, level)
    }
  })

  it('has the parameters of the network it is, and buffers beside them', () => {
    const model = resnet18()
    const buffers = model.graph.initializer.filter(({ name }) => name.includes('running'))
    expect(buffers).toHaveLength(40)
    expect(sizeOf(model, ({ name }) => !name.includes('running'))).toBe(11_173_962)
  })

  it('refuses a training mode that the opset does not have', () => {
    expect(() => resnet18({ width: 4, training: true, opset: 13 })).toThrow(/training needs opset 14/)
  })
})

describe('gpt', () => {
  const sizes = { vocabulary: 11, context: 8, layers: 2, heads: 2, width: 12 }
  const tokens = Array.from({ length: 15 }, (_, i) => (i * 7 + 3) % 11)
  const ids = (dims: readonly [number, number]): PlainTensor => ({
    type: 'int64',
    dims,
    data: tokens.slice(0, dims[0] * dims[1]),
  })

  function byHand(
    model: Model,
    { dims, data }: PlainTensor,
    f: (x: number) => number,
    heads = sizes.heads,
  ): Values {
    const p = parametersOf(model)
    const layer = (name: string, x: Values): Values => linear(x, p(`${name}.weight`), p(`${name}.bias`))
    const norm = (name: string, x: Values): Values =>
      layerNormalization(x, p(`${name}.weight`), p(`${name}.bias`))
    const positions = Array.from({ length: dims[1]! }, (_, i) => i)
    const embedding = p('transformer.wte.weight')
    let x = add(embed(embedding, data, dims), embed(p('transformer.wpe.weight'), positions, [dims[1]!]))
    for (let i = 0; model.graph.initializer.some(({ name }) => name.startsWith(`transformer.h.${i}.`)); i++) {
      const h = `transformer.h.${i}`
      const seen = attention(layer(`${h}.attn.c_attn`, norm(`${h}.ln_1`, x)), heads)
      x = add(x, layer(`${h}.attn.c_proj`, seen))
      x = add(x, layer(`${h}.mlp.c_proj`, map(layer(`${h}.mlp.c_fc`, norm(`${h}.ln_2`, x)), f)))
    }
    return linear(norm('transformer.ln_f', x), embedding)
  }

  it.each(opsets)('in opset %d gives what plain loops give, at any batch and length', async (opset) => {
    for (const [approximate, f] of [
      ['none', gelu],
      ['tanh', geluTanh],
    ] as const) {
      const model = gpt({ ...sizes, approximate, opset, seed: 4 })
      for (const dims of [
        [3, 5],
        [1, 8],
        [2, 1],
      ] as const) {
        await compare(model, { input_ids: ids(dims) }, byHand(model, ids(dims), f), 2e-6)
      }
    }
  })

  it('in double precision', async () => {
    const model = gpt({ ...sizes, approximate: 'tanh', dtype: 'float64' })
    // When optimised, the scale of the scores becomes an attribute of a fused product, in single precision.
    const expected = byHand(model, ids([3, 5]), geluTanh)
    await compare(model, { input_ids: ids([3, 5]) }, expected, 1e-14, 'disabled')
  })

  it('gives a row per token where asked to', async () => {
    const model = gpt({ ...sizes, flatten: true, seed: 4 })
    const { data } = byHand(model, ids([3, 5]), gelu)
    await compare(model, { input_ids: ids([3, 5]) }, { dims: [15, 11], data }, 2e-6)
  })

  it('is what its defaults say', async () => {
    const model = gpt({ seed: 5 })
    const size = sizeOf(model, ({ dataType: type }) => type === dataType.float)
    expect(size).toBe(65 * 128 + 64 * 128 + 4 * (12 * 128 * 128 + 13 * 128) + 2 * 128)
    const input: PlainTensor = {
      type: 'int64',
      dims: [2, 64],
      data: Array.from({ length: 128 }, (_, i) => (i * i) % 65),
    }
    await compare(model, { input_ids: input }, byHand(model, input, gelu, 4), 2e-6)
  })
})

describe('every model', () => {
  const makers: Record<string, (options: ModelOptions) => Model> = {
    mlp: (options) => mlp({ sizes: [3, 4, 2], ...options }),
    lenet: (options) => lenet({ size: 12, ...options }),
    resnet18: (options) => resnet18({ width: 2, ...options }),
    gpt: (options) => gpt({ vocabulary: 5, context: 4, layers: 1, heads: 1, width: 4, ...options }),
  }

  it.each(Object.entries(makers))('%s depends on its seed, and on nothing else', (_name, make) => {
    expect(writeModel(make({ seed: 1 }))).toEqual(writeModel(make({ seed: 1 })))
    expect(writeModel(make({ seed: 1 }))).not.toEqual(writeModel(make({ seed: 2 })))
  })

  it.each(Object.entries(makers))('%s in double precision has the same parameters', (_name, make) => {
    const [single, double] = [make({ seed: 1 }), make({ seed: 1, dtype: 'float64' })]
    for (const [i, tensor] of double.graph.initializer.entries()) {
      const rounded = Float32Array.from(readTensor(tensor).data as Float64Array)
      if (tensor.dataType === dataType.double)
        expect(rounded).toEqual(readTensor(single.graph.initializer[i]!).data)
    }
  })

  it('refuses what makes no network', () => {
    const wrong: readonly (() => Model)[] = [
      () => mlp({ sizes: [3] }),
      () => mlp({ sizes: [3, 0] }),
      () => mlp({ sizes: [3, 1.5] }),
      () => mlp({ sizes: [3, 2], opset: 12 }),
      () => mlp({ sizes: [3, 2], opset: 23 }),
      () => mlp({ sizes: [3, 2], dtype: 'float16' as 'float32' }),
      () => lenet({ size: 30 }),
      () => lenet({ size: 8 }),
      () => resnet18({ width: -1 }),
      () => gpt({ width: 10, heads: 3 }),
      () => mlp(undefined as never),
      () => mlp({ size: [3, 2] } as never),
      () => gpt({ vocab: 11 } as never),
      () => gpt({ approximate: 'tan' as 'tanh' }),
      () => lenet({ pool: 'avg' as 'average' }),
      () => resnet18({ outputs: 3 } as never),
      () => recurrent({ units: 3 } as never),
    ]
    for (const make of wrong) expect(make).toThrow(InducedMetricError)
    for (const make of wrong) expect(make).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }))
  })
})

function sizeOf(
  model: Model,
  counts: (tensor: Model['graph']['initializer'][number]) => boolean = () => true,
) {
  return model.graph.initializer
    .filter((tensor) => counts(tensor))
    .reduce((sum, { dims }) => sum + Number(dims.reduce((product, extent) => product * extent, 1n)), 0)
}
