import { readFileSync } from 'node:fs'
import { adam, inducedMetric } from '@induced-metric/core'
import * as ort from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { generateArtifacts, type GenerateOptions } from '../../src/artifacts.js'
import {
  createNode as node,
  createTensor,
  createValue,
  dataType,
  type Model,
  type NodeProto,
} from '@induced-metric/onnx/proto'
import { TrainingSession } from '../../src/session/trainingSession.js'
import { drawn, tensor, type Tensor } from '../../../onnx/test/gradients/harness.js'
import { checkTraining, feedsOf, forward, scalar } from './training.js'

const fixture = (name: string): Uint8Array =>
  readFileSync(new URL(`../fixtures/models/${name}.onnx`, import.meta.url))

const names = (tensors: readonly { readonly name: string }[]): string[] => tensors.map(({ name }) => name)
const summaryOf = async (model: Model | Uint8Array, options: GenerateOptions = {}) =>
  (await generateArtifacts(model, { loss: 'mse', ...options })).summary
const trainedOf = async (model: Model | Uint8Array, options: GenerateOptions = {}) =>
  names((await summaryOf(model, options)).parameters.filter(({ trainable }) => trainable))

const w = drawn([3, 4], 2)
const x = drawn([5, 3], 1)
const target = drawn([5, 4], 4)

/** y = f(x·w), with initializers that f reads. */
const after = (nodes: readonly NodeProto[], others: Readonly<Record<string, Tensor>>, w_ = w): Model =>
  forward(
    [node('MatMul', ['x', 'w'], ['h']), ...nodes],
    { x: ['batch', 3] },
    { w: w_, ...others },
    { y: ['batch', w_.dims[1]!] },
  )

const one = scalar(0.5)
const ones = tensor([1], [0.5], dataType.double)

describe('of initializers with one element', () => {
  it.each<[string, readonly NodeProto[], Tensor]>([
    ['an operand of a product', [node('Mul', ['h', 's'], ['y'])], one],
    ['a divisor', [node('Div', ['h', 's'], ['y'])], ones],
    ['an exponent', [node('Abs', ['h'], ['a']), node('Pow', ['a', 's'], ['y'])], one],
    ['a bound', [node('Max', ['h', 's'], ['y'])], one],
    ['a bound of a Clip', [node('Clip', ['h', 's'], ['y'])], one],
    [
      'an epsilon, in another form',
      [
        node('Unsqueeze', ['s', 'axis'], ['u']),
        node('Mul', ['h', 'h'], ['q']),
        node('Add', ['q', 'u'], ['e']),
        node('Sqrt', ['e'], ['d']),
        node('Div', ['h', 'd'], ['y']),
      ],
      one,
    ],
    ['a root of the width', [node('Sqrt', ['s'], ['r']), node('Div', ['h', 'r'], ['y'])], one],
    ['a fill value', [node('Greater', ['h', 's'], ['c']), node('Where', ['c', 'h', 's'], ['y'])], one],
  ])('%s is a constant, and trained where it is named', async (_, nodes, value) => {
    const model = after(nodes, { s: value })
    model.graph.initializer.push(createTensor('axis', [1], dataType.int64, BigInt64Array.of(0n)))
    const summary = await summaryOf(model)
    expect(summary).toMatchObject({
      parameters: [{ name: 'w' }],
      constants: [{ name: 's', dims: value.dims }],
    })
    expect(await trainedOf(model, { requiresGrad: '*' })).toEqual(['w'])
    expect(await trainedOf(model, { requiresGrad: () => true })).toEqual(['w'])
    expect(await trainedOf(model, { frozen: 's' })).toEqual(['w'])
    if (nodes[0]!.opType === 'Clip') return
    for (const requiresGrad of [
      ['w', 's'],
      ['w', /^s$/],
      ['*', 's'],
    ]) {
      const chosen = await summaryOf(model, { requiresGrad })
      expect(chosen).toMatchObject({ parameters: [{ name: 'w' }, { name: 's' }], constants: [] })
    }
  })

  it('operands of Max and Min are bounds, whatever their size; with another use they are parameters', async () => {
    const bounds = tensor([4], [0, 0.1, 0.2, 0.3], dataType.double)
    const bounded = [node('Max', ['h', 's'], ['m']), node('Min', ['m', 't'], ['y'])]
    const model = after(bounded, { s: bounds, t: drawn([1, 4], 3) })
    expect(await summaryOf(model)).toMatchObject({ parameters: [{ name: 'w' }], constants: [{}, {}] })
    const twice = [node('Max', ['h', 's'], ['m']), node('Mul', ['m', 's'], ['y'])]
    expect(await trainedOf(after(twice, { s: bounds }))).toEqual(['w', 's'])
  })

  it.each<[string, readonly NodeProto[], Tensor]>([
    ['the slope of a PRelu', [node('PRelu', ['h', 's'], ['y'])], one],
    ['a logit scale under Exp', [node('Exp', ['s'], ['e']), node('Mul', ['h', 'e'], ['y'])], one],
    [
      'a gate',
      [node('Identity', ['s'], ['i']), node('Tanh', ['i'], ['t']), node('Mul', ['h', 't'], ['y'])],
      ones,
    ],
  ])('%s is a parameter', async (_, nodes, value) => {
    const { gradients } = await checkTraining(after(nodes, { s: value }), { loss: 'mse' }, { x, target })
    expect([...gradients.keys()]).toEqual(['w', 's'])
  })

  it.each<[string, NodeProto, readonly number[]]>([
    ['MatMul', node('MatMul', ['x', 'w'], ['h']), [3, 1]],
    ['Gemm', node('Gemm', ['x', 'w'], ['h'], { transB: 1 }), [1, 3]],
  ])('a bias behind a %s with one output is a parameter', async (_, product, dims) => {
    const model = forward(
      [product, node('Add', ['h', 's'], ['y'])],
      { x: ['batch', 3] },
      { w: drawn(dims, 3), s: ones },
      { y: ['batch', 1] },
    )
    const { gradients } = await checkTraining(model, { loss: 'mse' }, { x, target: drawn([5, 1], 6) })
    expect([...gradients.keys()]).toEqual(['w', 's'])
  })

  it('the weight and the bias of one unit are parameters', async () => {
    const model = forward(
      [node('Gemm', ['x', 'w', 'b'], ['y'])],
      { x: ['batch', 1] },
      { w: drawn([1, 1], 3), b: ones },
      { y: ['batch', 1] },
    )
    expect(await trainedOf(model)).toEqual(['w', 'b'])
  })

  it('nothing else is said where there are only such: they are to be named', async () => {
    const model = forward(
      [node('Mul', ['x', 'slope'], ['y'])],
      { x: ['batch', 3] },
      { slope: one },
      { y: ['batch', 3] },
    )
    await expect(generateArtifacts(model, { loss: 'mse' })).rejects.toThrow(
      /ERR_OPTION.*no parameters.*left out \(slope\).*requiresGrad/,
    )
    expect(await trainedOf(model, { requiresGrad: 'slope' })).toEqual(['slope'])
  })

  it('what is taken for a setting anywhere is a constant, of however many elements', async () => {
    const model = after(
      [node('Abs', ['h'], ['a']), node('Pow', ['a', 's'], ['p']), node('Mul', ['p', 's'], ['y'])],
      { s: tensor([4], [1, 2, 3, 2], dataType.double) },
    )
    expect(await summaryOf(model)).toMatchObject({
      parameters: [{ name: 'w' }],
      constants: [{ operator: 'ai.onnx::Pow' }],
    })
  })

  it('one that is an exponent and a factor leaves the training finite', async () => {
    const made = await generateArtifacts(fixture('shared_two'), { loss: 'mse' })
    expect(made.summary.constants).toEqual([
      { name: 'ortshared_1_0_1_0', dims: [], operator: 'ai.onnx::Pow' },
    ])
    const session = await TrainingSession.create({
      trainModel: made.trainModel,
      checkpointState: made.state,
      optimizer: inducedMetric(adam(), { learningRate: 0.05 }),
      ort,
    })
    const float = dataType.float
    const feeds = feedsOf({ x: drawn([8, 4], 7, { type: float }), target: drawn([8, 3], 8, { type: float }) })
    const losses: number[] = []
    for (let step = 0; step < 20; step++) {
      losses.push(Number(((await session.runTrainStep(feeds))['loss']!.data as Float32Array)[0]))
      await session.runOptimizerStep()
      await session.lazyResetGrad()
    }
    expect(session.report.skippedSteps).toBe(0)
    expect(losses.at(-1)).toBeLessThan(losses[0]! / 2)
    await session.release()
  })
})

describe('weights in nodes', () => {
  it('are parameters where that is asked for, and said to be there where it is not', async () => {
    const model = fixture('constant_weights')
    await expect(generateArtifacts(model, { loss: 'mse' })).rejects.toThrow(
      /ERR_OPTION.*no parameters.*2 constants in nodes \(w, b\).*promoteConstants: true/,
    )
    await expect(generateArtifacts(model, { loss: 'mse', requiresGrad: 'w' })).rejects.toThrow(
      /ERR_OPTION.*"w" is a constant in a node.*promoteConstants: true/,
    )
    expect(await trainedOf(model, { promoteConstants: true })).toEqual(['w', 'b'])
    expect(await trainedOf(model, { promoteConstants: true, frozen: 'b' })).toEqual(['w'])
  })

  it('have their gradients, and constants of formulas among them stay', async () => {
    const constant = (name: string, { dims, data }: Tensor) =>
      node('Constant', [], [name], { value: createTensor('', dims, dataType.double, data) })
    const model = forward(
      [
        constant('w', w),
        constant('two', scalar(2)),
        node('MatMul', ['x', 'w'], ['h']),
        node('Mul', ['h', 'two'], ['y']),
      ],
      { x: ['batch', 3] },
      {},
      { y: ['batch', 4] },
    )
    const { gradients } = await checkTraining(model, { loss: 'mse', promoteConstants: true }, { x, target })
    expect([...gradients.keys()]).toEqual(['w'])
  })
})

describe('outputs that are constants', () => {
  it('are no default', async () => {
    expect(await trainedOf(fixture('constant_output'))).toEqual(['w'])
    for (const made of ['Constant', 'Identity', 'initializer']) {
      const model = after([node('Relu', ['h'], ['y'])], {})
      const values = drawn([2, 2], 3)
      const value = createTensor('c', [2, 2], dataType.double, values.data)
      value.name = made === 'Identity' ? 'k' : 'c'
      if (made !== 'Constant') model.graph.initializer.push(value)
      if (made === 'Constant') model.graph.node.push(node('Constant', [], ['c'], { value }))
      if (made === 'Identity') model.graph.node.push(node('Identity', ['k'], ['c']))
      model.graph.output.unshift(createValue('c', dataType.double, [2, 2]))
      expect(await trainedOf(model), made).toEqual(['w'])
      // A value that goes through a node may be a parameter.
      if (made === 'Identity') continue
      for (const option of ['outputNames', 'additionalOutputs']) {
        await expect(generateArtifacts(model, { loss: 'mse', [option]: ['c'] }), made).rejects.toThrow(
          new RegExp(`ERR_OPTION.*${option}: "c" is a constant of the model`),
        )
      }
    }
  })

  it('are said to be all there is', async () => {
    const model = after([node('Relu', ['h'], ['z'])], { k: drawn([2, 2], 3) })
    model.graph.output[0]!.name = 'k'
    await expect(generateArtifacts(model, { loss: 'mse' })).rejects.toThrow(
      /ERR_OPTION.*outputs of the model are constants: k depend.*outputNames/,
    )
  })
})

describe('what no gradient reaches', () => {
  it('is said with the operators that stop it', async () => {
    const summary = await summaryOf(fixture('qdq'))
    expect(summary.parameters.map(({ name, trainable }) => [name, trainable])).toEqual([
      ['v', true],
      ['w', false],
      ['w2', false],
    ])
    const operator = 'ai.onnx::QuantizeLinear'
    expect(summary.unreached).toEqual([
      { name: 'w', stoppedBy: [{ operator, node: 'aq' }] },
      { name: 'w2', stoppedBy: [{ operator, node: 'bq' }] },
    ])
    expect(names(summary.constants)).toEqual(['s'])
    await expect(generateArtifacts(fixture('qdq'), { loss: 'mse', requiresGrad: 'w' })).rejects.toThrow(
      /ERR_OPTION.*no gradient reaches "w": it is stopped by ai\.onnx::QuantizeLinear/,
    )
  })

  it('may be everything', async () => {
    const model = after([node('Round', ['h'], ['r']), node('Relu', ['r'], ['y'])], {})
    await expect(generateArtifacts(model, { loss: 'mse' })).rejects.toThrow(
      /ERR_OPTION.*no gradient reaches "w".*ai\.onnx::Round/,
    )
  })

  it('may be what the loss does not read, and an index, and a way of several', async () => {
    const model = after(
      [
        node('Floor', ['h'], ['f']),
        node('Mul', ['f', 'v'], ['g']),
        node('Cast', ['u'], ['i'], { to: dataType.int64 }),
        node('Cast', ['i'], ['j'], { to: dataType.double }),
        node('Add', ['g', 'j'], ['y']),
        node('Relu', ['unused'], ['z']),
      ],
      { v: drawn([4], 3), u: drawn([4], 4), unused: drawn([4], 5) },
    )
    const { unreached } = await summaryOf(model)
    expect(unreached).toEqual([
      { name: 'w', stoppedBy: [{ operator: 'ai.onnx::Floor', node: 'Floor/f' }] },
      { name: 'u', stoppedBy: [{ operator: 'ai.onnx::Cast', node: 'Cast/i' }] },
      { name: 'unused', stoppedBy: [] },
    ])
  })
})

it('a batch that is fixed is said to be', async () => {
  const model = after([node('Relu', ['h'], ['y'])], {})
  expect((await summaryOf(model)).batch).toBeUndefined()
  const fixed = forward([node('MatMul', ['x', 'w'], ['y'])], { x: [16, 3] }, { w }, { y: [16, 4] })
  expect((await summaryOf(fixed)).batch).toBe(16)
})
