import { describe, expect, it } from 'vitest'
import { composeModels, withParameters } from '../../src/artifacts/index.js'
import { mlp } from '../../src/models/index.js'
import {
  createModel,
  createNode as node,
  createValue,
  dataType,
  opsetOf,
  readTensor,
  realTensor,
  writeModel,
  type Model,
} from '../../src/proto/index.js'
import { typeOf } from '../../src/rewrite/valueTypes.js'
import { runModel } from '../run.js'

const { float } = dataType
const input = { dims: [2, 8], data: Array.from({ length: 16 }, (_, i) => Math.sin(i)) }
const body = mlp({ sizes: [8, 4], seed: 1 })
const head = mlp({ sizes: [4, 3], seed: 2, inputShape: [2, 2] })

/** A model of one input x and one output y. */
function unary(opType: string, from: readonly (number | string)[], to = from, opset = 17): Model {
  return createModel({
    nodes: [node(opType, ['x'], ['y'])],
    inputs: [createValue('x', float, from)],
    outputs: [createValue('y', float, to)],
    opset,
  })
}

describe('composeModels', () => {
  const flat = mlp({ sizes: [4, 3], seed: 2 })

  it('computes what the two models compute one after the other', async () => {
    const { output } = await runModel(body, { input })
    const wanted = await runModel(flat, { input: output! })
    for (const connections of [undefined, { input: 'output' }]) {
      const model = composeModels(body, writeModel(flat), connections)
      expect(model.graph.input.map(({ name }) => name)).toEqual(['input'])
      const [result] = Object.values(await runModel(model, { input }))
      expect(result).toEqual(wanted['output'])
    }
    expect([body.graph.node.length, flat.graph.node.length]).toEqual([2, 2])
  })

  it('keeps names of the first model, and numbers or prefixes those of the second', () => {
    const names = ({ graph }: Model): string[] => graph.initializer.map(({ name }) => name)
    const first = ['layers.0.weight', 'layers.0.bias']
    expect(names(composeModels(body, flat))).toEqual([...first, ...first.map((name) => `${name}_2`)])
    const prefixed = composeModels(body, flat, { input: 'output' }, { prefix: 'head.' })
    expect(names(prefixed)).toEqual([...first, ...first.map((name) => `head.${name}`)])
    expect(prefixed.graph.output.map(({ name }) => name)).toEqual(['output_2'])
  })

  it('takes inner values, shares inputs of one name, and keeps outputs that nothing takes', async () => {
    const second = createModel({
      nodes: [node('Add', ['a', 'input'], ['sum'])],
      inputs: [createValue('a', float, ['n', 4]), createValue('input', float, ['n', 4])],
      outputs: [createValue('sum', float, ['n', 4])],
    })
    const first = unary('Relu', ['batch', 4])
    const model = composeModels(first, second, { a: 'y', input: 'x' })
    expect(model.graph.input.map(({ name }) => name)).toEqual(['x'])
    const x = { dims: [1, 4], data: [-1, 2, -3, 4] }
    expect((await runModel(model, { x }))['sum']!.data).toEqual([-1, 4, -3, 8])
    expect(typeOf(model.graph.output[0]!).shape).toEqual(['batch', 4])

    const shared = composeModels(
      unary('Relu', ['n', 4]),
      createModel({
        nodes: [node('Add', ['a', 'x'], ['sum'])],
        inputs: [createValue('a', float, ['n', 4]), createValue('x', float, ['n', 4])],
        outputs: [createValue('sum', float, ['n', 4])],
      }),
      { a: 'x' },
    )
    expect(shared.graph.output.map(({ name }) => name)).toEqual(['y', 'sum'])
    expect((await runModel(shared, { x }))['sum']!.data).toEqual([-2, 4, -6, 8])
  })

  it('brings both to the newer version of the operators', async () => {
    const old = unary('Softmax', [2, 2, 2], [2, 2, 2], 12)
    const model = composeModels(old, unary('Relu', [2, 2, 2]), { x: 'y' })
    expect(opsetOf(model)).toBe(17)
    const x = { dims: [2, 2, 2], data: [1, 2, 3, 4, 5, 6, 7, 8] }
    const [result] = Object.values(await runModel(model, { x }))
    const [alone] = Object.values(await runModel(old, { x }))
    expect(result).toEqual(alone)
  })

  it.each<[string, () => Model, RegExp]>([
    ['an input', () => composeModels(body, flat, { x: 'output' }), /ERR_OPTION.*no input "x"; it has input/],
    ['a value', () => composeModels(body, flat, { input: 'y' }), /ERR_OPTION.*no value "y"/],
    ['shapes', () => composeModels(body, head), /ERR_SHAPE.*"output" is \[batch, 4\].*\[batch, 2, 2\]/],
    ['extents', () => composeModels(flat, body), /ERR_SHAPE.*"output" is \[batch, 3\].*\[batch, 8\]/],
    [
      'types',
      () => composeModels(body, mlp({ sizes: [4, 3], dtype: 'float64' })),
      /ERR_SHAPE.*"output" has elements of ONNX type 1.*takes 11/,
    ],
    [
      'a choice',
      () => composeModels(unary('Relu', [1]), createModelOfTwo()),
      /ERR_OPTION.*say which outputs.*first has y.*second takes a, b/,
    ],
  ])('refuses %s that do not fit', (_, compose, message) => {
    expect(compose).toThrow(message)
  })
})

function createModelOfTwo(): Model {
  return createModel({
    nodes: [node('Add', ['a', 'b'], ['c'])],
    inputs: ['a', 'b'].map((name) => createValue(name, float, [1])),
    outputs: [createValue('c', float, [1])],
  })
}

describe('withParameters', () => {
  const weight = Float32Array.from({ length: 32 }, (_, i) => i)
  const dims = [4, 8]
  const valueOf = ({ graph }: Model, name: string) =>
    readTensor(graph.initializer.find((tensor) => tensor.name === name)!).data

  it.each([
    ['a list', [{ name: 'layers.0.weight', dims, data: weight }]],
    ['a map', new Map([['layers.0.weight', { dims, data: weight }]])],
    [
      'a checkpoint',
      { trainable: [{ name: 'layers.0.weight', dims, dataType: float, data: weight }], frozen: [] },
    ],
  ])('puts the values of %s into a copy', (_, values) => {
    const before = valueOf(body, 'layers.0.weight')
    const model = withParameters(body, values)
    expect(valueOf(model, 'layers.0.weight')).toEqual(weight)
    expect(valueOf(model, 'layers.0.bias')).toEqual(valueOf(body, 'layers.0.bias'))
    expect(valueOf(body, 'layers.0.weight')).toEqual(before)
    writeModel(model)
  })

  it('replaces constants in nodes', async () => {
    const model = createModel({
      nodes: [
        node('Constant', [], ['c'], { value: realTensor('', [2, 3], float, [2]) }),
        node('Mul', ['x', 'c'], ['y']),
      ],
      inputs: [createValue('x', float, [2])],
      outputs: [createValue('y', float, [2])],
    })
    const x = { dims: [2], data: [1, 1] }
    const changed = withParameters(model, [{ name: 'c', data: Float32Array.of(5, 7) }])
    expect((await runModel(changed, { x }))['y']!.data).toEqual([5, 7])
    expect((await runModel(model, { x }))['y']!.data).toEqual([2, 3])
  })

  it('replaces values in any field of a tensor', () => {
    const model = mlp({ sizes: [2, 1] })
    const bias = model.graph.initializer[1]!
    Object.assign(bias, { rawData: new Uint8Array(0), floatData: [4] })
    const changed = withParameters(model, [{ name: bias.name, data: Float32Array.of(6) }])
    expect(valueOf(changed, bias.name)).toEqual(Float32Array.of(6))
  })

  it('refuses what does not fit', () => {
    const given = (name: string, data: Float32Array | Float64Array, extents?: number[]) => () =>
      withParameters(body, [{ name, data, ...(extents && { dims: extents }) }])
    expect(given('layers.0.wieght', weight)).toThrow(
      /ERR_OPTION.*no initializer.*nearest are layers.0.weight/,
    )
    expect(given('layers.0.weight', weight.subarray(1))).toThrow(/ERR_SHAPE.*32 elements.*given 31/)
    expect(given('layers.0.weight', weight, [8, 4])).toThrow(/ERR_SHAPE.*is \[4, 8\].*given \[8, 4\]/)
    expect(given('layers.0.weight', Float64Array.from(weight))).toThrow(/ERR_SHAPE.*float32.*Float64Array/)
    expect(() => withParameters(body, 3 as never)).toThrow(/ERR_OPTION.*withParameters takes/)
  })
})
