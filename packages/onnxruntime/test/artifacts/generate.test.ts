import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { create } from '@bufbuild/protobuf'
import { adam, inducedMetric, log } from '@induced-metric/core'
import * as ort from 'onnxruntime-node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  adamwOptimizer,
  generateArtifacts,
  gradients,
  writeArtifacts,
  type GenerateOptions,
} from '../../src/artifacts.js'
import { readCheckpoint } from '@induced-metric/onnx'
import { TrainingSession } from '../../src/session/trainingSession.js'
import {
  AttributeProtoSchema,
  attributeType,
  createAttribute,
  createNode as node,
  createTensor,
  createValue as value,
  dataType,
  FunctionProtoSchema,
  GraphProtoSchema,
  int64Tensor,
  opsetOf,
  readModel,
  StringStringEntryProtoSchema,
  writeModel,
  type Model,
} from '@induced-metric/onnx/proto'
import { mlp } from '@induced-metric/onnx/models'
import { drawn, tensor } from '../../../onnx/test/gradients/harness.js'
import { checkTraining, feedsOf, forward, scalar } from './training.js'

const x = drawn([5, 3], 1)
const w = drawn([3, 4], 2)
const b = drawn([4], 3)
const target = drawn([5, 4], 4)

/** y = relu(x·w + b)·v, with w and b in the base and v in the head. */
function small(): Model {
  return forward(
    [
      node('Gemm', ['x', 'base.w', 'base.b'], ['z']),
      node('Relu', ['z'], ['a']),
      node('MatMul', ['a', 'head.v'], ['y']),
    ],
    { x: ['batch', 3] },
    { 'base.w': w, 'base.b': b, 'head.v': drawn([4, 4], 5) },
    { y: ['batch', 4] },
  )
}

const names = (tensors: readonly { readonly name: string }[]): string[] => tensors.map(({ name }) => name)

describe('artifacts', () => {
  it('have the layout of the genuine ones', async () => {
    const { trainModel, evalModel, optimizerModel, checkpointState } = await generateArtifacts(small(), {
      loss: 'mse',
      frozen: 'base.*',
      optimizer: 'adamw',
      additionalOutputs: ['y', 'a'],
    })
    const train = readModel(trainModel)
    expect(names(train.graph.input)).toEqual([
      'x',
      'target',
      'base.w',
      'base.b',
      'head.v',
      'head.v_grad.accumulation.buffer',
      'lazy_reset_grad',
    ])
    expect(names(train.graph.output)).toEqual(['loss', 'y', 'a', 'head.v_grad.accumulation.out'])
    expect(train.graph.node.at(-1)).toMatchObject({
      opType: 'InPlaceAccumulatorV2',
      input: ['head.v_grad.accumulation.buffer', 'head.v_grad', 'lazy_reset_grad'],
    })
    const evaluation = readModel(evalModel)
    expect(names(evaluation.graph.input)).toEqual(['x', 'target', 'base.w', 'base.b', 'head.v'])
    expect(names(evaluation.graph.output)).toEqual(['loss', 'y', 'a'])
    const state = readCheckpoint(checkpointState)
    expect([names(state.trainable), names(state.frozen)]).toEqual([['head.v'], ['base.w', 'base.b']])
    expect(readModel(optimizerModel!).graph.node[0]).toMatchObject({
      opType: 'AdamWOptimizer',
      input: ['learning_rate', 'step', 'params', 'gradients', 'first_order_moments', 'second_order_moments'],
    })
  })

  it('train what is chosen by name, glob, expression or predicate', async () => {
    const chosen = async (options: GenerateOptions): Promise<string[]> =>
      names((await generateArtifacts(small(), { loss: 'mse', ...options })).state.trainable)
    expect(await chosen({})).toEqual(['base.w', 'base.b', 'head.v'])
    expect(await chosen({ requiresGrad: 'head.v' })).toEqual(['head.v'])
    expect(await chosen({ requiresGrad: ['base.*', /^head/] })).toEqual(['base.w', 'base.b', 'head.v'])
    expect(await chosen({ requiresGrad: (_, { dims }) => dims.length === 1 })).toEqual(['base.b'])
    expect(await chosen({ frozen: 'base.*' })).toEqual(['head.v'])
    await expect(chosen({ requiresGrad: 'foot' })).rejects.toThrow(
      /ERR_OPTION.*requiresGrad.*"foot".*head\.v/,
    )
    await expect(chosen({ requiresGrad: 'head.v', frozen: '*v' })).rejects.toThrow(
      /ERR_OPTION.*"head\.v".*frozen/,
    )
    await expect(chosen({ frozen: '*' })).rejects.toThrow(/ERR_OPTION.*no parameter is left/)
  })

  it('leave a model that was handed over as it was', async () => {
    const model = small()
    const before = writeModel(model)
    await generateArtifacts(model, { loss: 'mse' })
    expect(writeModel(model)).toEqual(before)
  })

  it('go on with what trains: a transformation, or the genuine kernels', async () => {
    const transformation = inducedMetric(adam(), { learningRate: 0.01, embedding: log() })
    const feeds = feedsOf({ x, target })
    for (const optimizer of [transformation, adamwOptimizer({ weightDecay: 0.1 }), 'sgd'] as const) {
      const { trainModel, optimizerModel, checkpointState } = await generateArtifacts(small(), {
        loss: 'mse',
        optimizer,
      })
      const session = await TrainingSession.create({
        trainModel,
        optimizerModel: optimizerModel!,
        checkpointState,
        ort,
      })
      const losses: number[] = []
      for (let step = 0; step < 5; step++) {
        losses.push(Number(((await session.runTrainStep(feeds))['loss']!.data as Float64Array)[0]))
        await session.runOptimizerStep()
        await session.lazyResetGrad()
      }
      expect(losses[4]).toBeLessThan(losses[0]!)
      await session.release()
    }
  })

  it('say what they are', async () => {
    const { summary } = await generateArtifacts(small(), { loss: 'mse', frozen: 'base.w' })
    expect(summary).toMatchObject({
      trainableScalars: 20,
      frozenScalars: 12,
      inputs: ['x float64 [batch, 3]', 'target float64 [batch, 4]'],
      loss: 'loss',
      inlined: {},
      memory: { parameters: 8 * 32, gradients: 8 * 20, slots: 2 * 8 * 20, symbols: ['batch'] },
    })
    expect(summary.operators['com.microsoft::InPlaceAccumulatorV2']).toBe(2)
    // At least the layer before the head is kept, and the loss's input.
    expect(summary.memory.activations).toBeGreaterThanOrEqual(8 * 8)
  })
})

describe('gradients of', () => {
  const layers = { x: ['batch', 3] } as const

  it('a tied weight, and one that is used many times', async () => {
    const square = drawn([3, 3], 6)
    const model = forward(
      [
        node('MatMul', ['x', 'w'], ['h']),
        node('Mul', ['h', 'w_row'], ['k']),
        node('Transpose', ['w'], ['wt']),
        node('MatMul', ['k', 'wt'], ['m']),
        node('MatMul', ['m', 'w'], ['n']),
        node('Add', ['n', 'h'], ['y']),
      ],
      layers,
      { w: square, w_row: drawn([1, 3], 7) },
      { y: ['batch', 3] },
    )
    const { gradients: found } = await checkTraining(model, { loss: 'mse' }, { x, target: drawn([5, 3], 8) })
    expect([...found.keys()]).toEqual(['w', 'w_row'])
  })

  it('a scalar parameter', async () => {
    const model = forward(
      [node('MatMul', ['x', 'w'], ['h']), node('Mul', ['h', 's'], ['y'])],
      layers,
      { w, s: scalar(1.5) },
      { y: ['batch', 4] },
    )
    const requiresGrad = ['w', 's']
    const { gradients: found } = await checkTraining(model, { loss: 'mse', requiresGrad }, { x, target })
    expect(found.get('s')).toHaveLength(1)
  })

  it('several outputs that one loss is computed from', async () => {
    const model = forward(
      [node('MatMul', ['x', 'w'], ['h']), node('Split', ['h'], ['a', 'b'], { axis: 1 })],
      layers,
      { w },
      { a: ['batch', 2], b: ['batch', 2] },
    )
    const loss: GenerateOptions['loss'] = ({ outputs: [first, second], emit }) =>
      emit('ReduceMean', [emit('Mul', [first, second])], { keepdims: 0 })
    await checkTraining(model, { loss, gradients }, { x })
    const half = drawn([5, 2], 9)
    await checkTraining(model, { loss: 'mse', outputNames: ['b'] }, { x, target: half })
  })

  it('nodes that stand in any order', async () => {
    const model = small()
    model.graph.node.reverse()
    await checkTraining(model, { loss: 'mse' }, { x, target })
  })

  it('model-local functions, which call others and have attributes', async () => {
    const model = forward(
      [
        node('test:Layer', ['x', 'w', 'b'], ['h'], { slope: { float: 0.25 } }),
        node('test:Twice', ['h'], ['y']),
      ],
      layers,
      { w, b },
      { y: ['batch', 4] },
    )
    const opsetImport = model.opsetImport.slice(0, 1)
    const leaky = node('LeakyRelu', ['sum'], ['out'])
    leaky.attribute.push(
      create(AttributeProtoSchema, { name: 'alpha', type: attributeType.float, refAttrName: 'slope' }),
    )
    const [layer, twice] = [
      {
        name: 'Layer',
        input: ['in', 'weight', 'bias'],
        output: ['out'],
        attribute: ['slope'],
        node: [
          node('MatMul', ['in', 'weight'], ['product']),
          node('Add', ['product', 'bias'], ['sum']),
          node('test:Same', ['out0'], ['out']),
        ],
      },
      {
        name: 'Twice',
        input: ['in'],
        output: ['out'],
        node: [node('Add', ['in', 'in'], ['sum']), node('test:Same', ['sum'], ['out'])],
      },
    ]
    leaky.output = ['out0']
    layer.node.splice(2, 0, leaky)
    const same = { name: 'Same', input: ['in'], output: ['out'], node: [node('Identity', ['in'], ['out'])] }
    model.functions = [layer, twice, same].map((made) =>
      create(FunctionProtoSchema, { ...made, domain: 'test', opsetImport }),
    )
    const { summary } = await generateArtifacts(model, { loss: 'mse' })
    expect(summary.inlined).toEqual({ Layer: 1, Twice: 1, Same: 2 })
    await checkTraining(model, { loss: 'mse' }, { x, target })

    same.node[0]!.opType = 'Twice'
    same.node[0]!.domain = 'test'
    model.functions = [twice, same].map((made) =>
      create(FunctionProtoSchema, { ...made, domain: 'test', opsetImport }),
    )
    model.graph.node = [node('MatMul', ['x', 'w'], ['h']), node('test:Twice', ['h'], ['y'])]
    await expect(generateArtifacts(model, { loss: 'mse' })).rejects.toThrow(
      /ERR_NOT_SUPPORTED.*the function calls itself/,
    )
  })

  it('a model of constants, in nodes and folded, and of initializers that are inputs', async () => {
    const constant = (name: string, data: number[]) =>
      node('Constant', [], [name], { value: createTensor('', [data.length], 11, Float64Array.from(data)) })
    const model = forward(
      [
        constant('two', [2]),
        node('Constant', [], ['minus'], { value_ints: [-1] }),
        node('Mul', ['two', 'two'], ['four']),
        node('Shape', ['w'], ['shape']),
        node('Gather', ['shape', 'first'], ['three']),
        node('Concat', ['minus', 'three'], ['target_shape'], { axis: 0 }),
        node('Reshape', ['x', 'target_shape'], ['flat']),
        node('Mul', ['flat', 'four'], ['scaled']),
        node('MatMul', ['scaled', 'w'], ['y']),
      ],
      layers,
      { w },
      { y: ['batch', 4] },
    )
    model.graph.initializer.push(int64Tensor('first', [0]))
    model.graph.input.push(value('w', 11, [3, 4]), value('first', 7, [1]))
    model.irVersion = 3n
    const made = await generateArtifacts(model, { loss: 'mse' })
    expect(names(made.state.trainable)).toEqual(['w'])
    expect(names(readModel(made.evalModel).graph.input)).toEqual(['x', 'target', 'w'])
    expect(made.summary.folded).toBe(4)
    await checkTraining(model, { loss: 'mse' }, { x, target })
  })

  it('control flow before and behind what is trained', async () => {
    const branch = (name: string, from: string) => {
      const g = create(GraphProtoSchema, {
        name,
        node: [node('Identity', [from], [`${name}/out`])],
        output: [value(`${name}/out`, 11, ['batch', 3])],
      })
      return create(AttributeProtoSchema, { name, type: attributeType.graph, g })
    }
    const choice = (from: string, to: string) => {
      const made = node('If', ['yes'], [to])
      made.attribute.push(branch('then_branch', from), branch('else_branch', from))
      return made
    }
    const ahead = forward(
      [choice('x', 'chosen'), node('MatMul', ['chosen', 'w'], ['y'])],
      layers,
      { w },
      { y: ['batch', 4] },
    )
    ahead.graph.input.push(value('yes', dataType.bool, []))
    const yes = tensor([], [1], dataType.bool)
    await checkTraining(ahead, { loss: 'mse' }, { x, yes, target })
    const behind = forward(
      [node('MatMul', ['x', 'v'], ['h']), choice('h', 'chosen'), node('MatMul', ['chosen', 'w'], ['y'])],
      layers,
      { v: drawn([3, 3], 8), w },
      { y: ['batch', 4] },
    )
    behind.graph.input.push(value('yes', dataType.bool, []))
    await checkTraining(behind, { loss: 'mse' }, { x, yes, target })
    await checkTraining(behind, { loss: 'mse', frozen: 'v' }, { x, yes, target })
  })

  it('dropouts, which drop in the training model only', async () => {
    const model = forward(
      [node('Dropout', ['x', 'ratio'], ['dropped']), node('MatMul', ['dropped', 'w'], ['y'])],
      layers,
      { w, ratio: scalar(0.5, dataType.float) },
      { y: ['batch', 4] },
    )
    const made = await generateArtifacts(model, { loss: 'mse', additionalOutputs: ['dropped'] })
    expect([names(made.state.trainable), names(made.state.frozen)]).toEqual([['w'], []])
    const session = await TrainingSession.create({ ...pick(made), ort })
    const feeds = feedsOf({ x, target })
    const [trained, evaluated] = [await session.runTrainStep(feeds), await session.runEvalStep(feeds)]
    const zeros = (data: unknown): number => (data as Float64Array).filter((element) => element === 0).length
    expect(zeros(trained['dropped']!.data)).toBeGreaterThan(0)
    expect(evaluated['dropped']!.data).toEqual(x.data)
    // The gradient is that of the elements that were not dropped: xᵀ·dY.
    const [dropped, w_] = [trained['dropped']!.data as Float64Array, w.data as Float64Array]
    const expected = new Float64Array(12)
    for (let row = 0; row < 5; row++) {
      for (let column = 0; column < 4; column++) {
        let y = 0
        for (let i = 0; i < 3; i++) y += dropped[row * 3 + i]! * w_[i * 4 + column]!
        const dY = (2 / 20) * (y - Number(target.data[row * 4 + column]))
        for (let i = 0; i < 3; i++) expected[i * 4 + column]! += dropped[row * 3 + i]! * dY
      }
    }
    const found = session.gradients.get('w')!.data as Float64Array
    found.forEach((element, i) => expect(element).toBeCloseTo(expected[i]!, 10))
    await session.release()
  })
})

function pick(made: Awaited<ReturnType<typeof generateArtifacts>>) {
  const { trainModel, evalModel, checkpointState } = made
  return { trainModel, evalModel, checkpointState }
}

describe('what stands in the way', () => {
  const det = (name: string) => node('Det', [name], ['y'])
  const square = (trained: string) =>
    forward(
      [node('MatMul', ['x', trained], ['z']), det('z')],
      { x: [3, 3] },
      { [trained]: drawn([3, 3], 1, { type: dataType.float }) },
      { y: [] },
      { type: dataType.float },
    )

  it('is named: the operator, the node, the parameter that it blocks', async () => {
    await expect(generateArtifacts(square('layer.w'))).rejects.toThrow(
      /ERR_NOT_SUPPORTED: operator Det of domain ai.onnx \(node "Det\/y"\).*"layer.w"/,
    )
  })

  it('is none where no gradient passes', async () => {
    const model = square('v')
    model.graph.node.unshift(node('Identity', ['x'], ['xx']))
    model.graph.node = [
      det('x'),
      node('MatMul', ['x', 'v'], ['z']),
      node('Mul', ['z', 'y'], ['u']),
      node('ReduceMean', ['u'], ['mine'], { keepdims: 0 }),
    ]
    model.graph.output = [value('mine', 1, [])]
    expect(names((await generateArtifacts(model)).state.trainable)).toEqual(['v'])
    // A head that the loss does not depend on: its parameters are kept, and not trained.
    const two = small()
    two.graph.node.push(node('MatMul', ['a', 'other.v'], ['other']), node('Det', ['other'], ['det']))
    two.graph.initializer.push(createTensor('other.v', [4, 4], 11, drawn([4, 4], 6).data))
    const { state } = await generateArtifacts(two, { loss: 'mse', outputNames: ['y'] }).catch(
      (error: unknown) => {
        // Det has no kernel for doubles.
        expect(String(error)).toMatch(/Det/)
        two.graph.node.pop()
        return generateArtifacts(two, { loss: 'mse', outputNames: ['y'] })
      },
    )
    expect([names(state.trainable), names(state.frozen)]).toEqual([
      ['base.w', 'base.b', 'head.v'],
      ['other.v'],
    ])
    await expect(
      generateArtifacts(two, { loss: 'mse', requiresGrad: '*.v', outputNames: ['y'] }),
    ).rejects.toThrow(/ERR_OPTION.*requiresGrad: the loss does not depend on "other\.v"/)
  })

  it.each<[string, GenerateOptions, RegExp]>([
    ['an unknown option', { lossName: 1 } as never, /no option "lossName"/],
    [
      'an output that is none',
      { loss: 'mse', outputNames: ['nowhere'] },
      /outputNames: the model computes no "nowhere"/,
    ],
    [
      'another that is none',
      { loss: 'mse', additionalOutputs: [''] },
      /additionalOutputs: the model computes no ""/,
    ],
    ['a mode that is none', { loss: 'mse', batchNormalization: 'off' as never }, /batchNormalization/],
    ['an optimizer that is none', { loss: 'mse', optimizer: 'adam' as never }, /optimizer must be.*"adam"/],
  ])('is said of %s', async (_, options, message) => {
    await expect(generateArtifacts(small(), options)).rejects.toThrow(message)
  })

  it.each<[string, (model: Model) => void, RegExp]>([
    [
      'a value from nowhere',
      ({ graph }) => void (graph.node[1]!.input = ['void']),
      /nothing computes its input "void"/,
    ],
    ['a name used twice', ({ graph }) => void (graph.node[1]!.output = ['z']), /"z" is defined twice/],
    [
      'a circle',
      ({ graph }) => void (graph.node[0]!.input = ['y', 'base.w', 'base.b']),
      /depends on its own output/,
    ],
    [
      'too few elements',
      ({ graph }) => void (graph.initializer[0]!.dims = [3n, 5n]),
      /15 elements, and has 12/,
    ],
    [
      'a negative extent',
      ({ graph }) => void (graph.initializer[0]!.dims = [-3n, 4n]),
      /axis of -3 elements/,
    ],
    ['an unknown operator', ({ graph }) => void (graph.node[1]!.opType = 'Rely'), /Rely/],
    [
      'an operator set that is not imported',
      ({ graph }) => void (graph.node[1]!.domain = 'other'),
      /imports no operator set/,
    ],
    ['no version of operators', (model) => void (model.opsetImport = []), /does not say which version/],
    [
      'too old a version',
      (model) => void (model.opsetImport[0]!.version = 0n),
      /version 0.*supported are 1 to 26/,
    ],
  ])('is said of a model with %s', async (_, damage, message) => {
    const model = small()
    damage(model)
    await expect(generateArtifacts(model, { loss: 'mse' })).rejects.toThrow(message)
  })

  it('is a name that the loss needs', async () => {
    const taken = (name: string): Model => {
      const model = small()
      for (const made of model.graph.node) {
        made.input = made.input.map((given) => (given === 'z' ? name : given))
        made.output = made.output.map((given) => (given === 'z' ? name : given))
      }
      return model
    }
    await expect(generateArtifacts(taken('target'), { loss: 'mse' })).rejects.toThrow(
      /ERR_OPTION.*computes a value "target"/,
    )
  })

  it('is an empty batch, when it comes to training', async () => {
    const session = await TrainingSession.create({
      ...pick(await generateArtifacts(small(), { loss: 'mse' })),
      ort,
    })
    const empty = feedsOf({ x: tensor([0, 3], []), target: tensor([0, 4], []) })
    await expect(session.runTrainStep(empty)).rejects.toThrow(/ERR_SHAPE.*\[0, 3\].*at least one example/)
    await session.release()
  })
})

describe('files', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'induced-metric-generate-'))
  })
  afterAll(() => rm(folder, { recursive: true }))

  /** The same model with its values in a file beside it. */
  function outside(location = 'weights.bin'): { model: Model; data: Uint8Array } {
    const model = small()
    let end = 0
    const parts: Uint8Array[] = []
    for (const given of model.graph.initializer) {
      const bytes = given.rawData
      const entries = { location, offset: String(end), length: String(bytes.length) }
      given.externalData = Object.entries(entries).map(([key, text]) =>
        create(StringStringEntryProtoSchema, { key, value: text }),
      )
      given.dataLocation = 1
      given.rawData = new Uint8Array()
      parts.push(bytes)
      end += bytes.length
    }
    return { model, data: Buffer.concat(parts) }
  }

  it('are written, and a session starts from them', async () => {
    const made = await generateArtifacts(small(), { loss: 'mse', optimizer: 'adamw' })
    await writeArtifacts(join(folder, 'new', 'artifacts'), made, { prefix: 'my_' })
    const found = (await readdir(join(folder, 'new', 'artifacts'))).sort()
    expect(found).toEqual([
      'my_checkpoint',
      'my_eval_model.onnx',
      'my_optimizer_model.onnx',
      'my_training_model.onnx',
    ])
    const [checkpointState, evalModel, optimizerModel, trainModel] = found.map((name) =>
      join(folder, 'new', 'artifacts', name),
    )
    const session = await TrainingSession.create({
      trainModel: trainModel!,
      evalModel: evalModel!,
      optimizerModel: optimizerModel!,
      checkpointState: checkpointState!,
    })
    await session.runTrainStep(feedsOf({ x, target }))
    await session.release()
  })

  it('of external data are read beside the model, or from what is handed over', async () => {
    const { model, data } = outside()
    const path = join(folder, 'model.onnx')
    await writeFile(path, writeModel(model))
    const expected = (await generateArtifacts(small(), { loss: 'mse' })).state
    await expect(generateArtifacts(path, { loss: 'mse' })).rejects.toThrow(
      /ERR_OPTION.*"weights.bin".*no such file/,
    )
    await writeFile(join(folder, 'weights.bin'), data)
    expect((await generateArtifacts(path, { loss: 'mse' })).state).toEqual(expected)
    const bytes = writeModel(model)
    await expect(generateArtifacts(bytes, { loss: 'mse' })).rejects.toThrow(
      /ERR_OPTION.*"base.w".*externalData/,
    )
    const given = await generateArtifacts(bytes, { loss: 'mse', externalData: { 'weights.bin': data } })
    expect(given.state).toEqual(expected)
    await writeFile(join(folder, 'weights.bin'), data.subarray(0, 100))
    await expect(generateArtifacts(path, { loss: 'mse' })).rejects.toThrow(/ERR_OPTION.*has 100 bytes/)
  })

  it.each(['../weights.bin', '/etc/passwd', 'C:\\weights', 'a/../../b', ''])(
    'of external data at %j are not read',
    async (location) => {
      const { model, data } = outside(location)
      await expect(
        generateArtifacts(model, { loss: 'mse', externalData: { [location]: data } }),
      ).rejects.toThrow(/ERR_OPTION.*must be in the folder/)
    },
  )

  it('of versions 11 to 13 of the operators are raised to 14', async () => {
    for (const version of [11, 12, 13]) {
      const model = mlp({ sizes: [3, 4] })
      model.opsetImport[0]!.version = BigInt(version)
      const { trainModel } = await generateArtifacts(model, { loss: 'mse' })
      expect(opsetOf(readModel(trainModel))).toBe(14)
    }
  })
})

describe('batch normalisation', () => {
  const channels = 3
  const normalization = () => {
    const vector = (seed: number, low: number, high: number) =>
      drawn([channels], seed, { low, high, type: dataType.float })
    const made = forward(
      [
        node('BatchNormalization', ['x', 'scale', 'bias', 'mean', 'variance'], ['y'], {
          momentum: { float: 0.75 },
        }),
      ],
      { x: ['batch', channels] },
      {
        scale: vector(1, 0.5, 2),
        bias: vector(2, -1, 1),
        mean: vector(3, -1, 1),
        variance: vector(4, 0.5, 2),
      },
      { y: ['batch', channels] },
      { type: dataType.float },
    )
    return made
  }
  const input = drawn([8, channels], 5, { type: dataType.float })
  const wanted = drawn([8, channels], 6, { type: dataType.float })

  it('moves its running statistics with each training step, for the eval model and the checkpoint', async () => {
    const made = await generateArtifacts(normalization(), { loss: 'mse', additionalOutputs: ['y'] })
    expect([names(made.state.trainable), names(made.state.frozen)]).toEqual([
      ['scale', 'bias'],
      ['mean', 'variance'],
    ])
    const session = await TrainingSession.create({ ...pick(made), ort })
    const feeds = feedsOf({ x: input, target: wanted })
    const column = (channel: number) =>
      Array.from({ length: 8 }, (_, row) => Number(input.data[row * channels + channel]))
    const mean = (values: readonly number[]) => values.reduce((a, c) => a + c, 0) / values.length
    const means = Array.from({ length: channels }, (_, i) => mean(column(i)))
    const variances = means.map((m, i) => mean(column(i).map((element) => (element - m) ** 2)))
    const expected = ['mean', 'variance'].map((name) => [
      ...(made.state.frozen.find((t) => t.name === name)!.data as Float32Array),
    ])
    for (let step = 0; step < 3; step++) {
      await session.runTrainStep(feeds)
      await session.lazyResetGrad()
      expected.forEach((values, k) =>
        values.forEach((old, i) => (values[i] = 0.75 * old + 0.25 * (k === 0 ? means : variances)[i]!)),
      )
    }
    const { frozen } = readCheckpoint(await session.saveCheckpoint())
    frozen.forEach(({ data }, k) => {
      ;(data as Float32Array).forEach((element, i) => expect(element).toBeCloseTo(expected[k]![i]!, 5))
    })
    // The caller's own arrays are unchanged, and the eval model uses the session's.
    expect(made.state.frozen[0]!.data).not.toEqual(frozen[0]!.data)
    const y = (await session.runEvalStep(feeds))['y']!.data as Float32Array
    const of = (name: string, i: number): number => (session.parameters.get(name)!.data as Float32Array)[i]!
    y.forEach((element, place) => {
      const i = place % channels
      const normalized = (Number(input.data[place]) - expected[0]![i]!) / Math.sqrt(expected[1]![i]! + 1e-5)
      expect(element).toBeCloseTo(of('scale', i) * normalized + of('bias', i), 4)
    })
    await session.release()
  })

  it('exported in training before version 14, which gave five results, is trained alike', async () => {
    const losses: number[] = []
    for (const version of [13, 17]) {
      const model = normalization()
      model.opsetImport[0]!.version = BigInt(version)
      if (version < 14) model.graph.node[0]!.output.push('m', 'v', 'saved mean', 'saved variance')
      const session = await TrainingSession.create({
        ...pick(await generateArtifacts(model, { loss: 'mse' })),
        optimizer: inducedMetric(adam(), { learningRate: 0.1 }),
        ort,
      })
      const feeds = feedsOf({ x: input, target: wanted })
      for (let step = 0; step < 3; step++) {
        await session.runTrainStep(feeds)
        await session.runOptimizerStep()
        await session.lazyResetGrad()
      }
      const { loss } = await session.runEvalStep(feeds)
      losses.push(Number((loss!.data as Float32Array)[0]))
      await session.release()
    }
    expect(losses[0]).toBe(losses[1])
  })

  it('uses the statistics as they are where that is asked for', async () => {
    const made = await generateArtifacts(normalization(), { loss: 'mse', batchNormalization: 'inference' })
    const session = await TrainingSession.create({ ...pick(made), ort })
    const feeds = feedsOf({ x: input, target: wanted })
    const trained = (await session.runTrainStep(feeds))['loss']!.data as Float32Array
    const evaluated = (await session.runEvalStep(feeds))['loss']!.data as Float32Array
    expect(trained[0]).toBeCloseTo(evaluated[0]!, 6)
    expect(session.parameters.get('mean')!.data).toEqual(made.state.frozen[0]!.data)
    await session.release()
  })
})

it('an attribute of a kind that holds nothing is refused', async () => {
  const model = small()
  model.graph.node[1]!.attribute.push(createAttribute('alpha', { float: 1 }))
  model.graph.node[1]!.attribute[0]!.type = attributeType.tensor
  await expect(generateArtifacts(model, { loss: 'mse' })).rejects.toThrow(/attribute "alpha" has no value/)
})
