import * as ort from 'onnxruntime-node'
import { beforeAll, describe, expect, it } from 'vitest'
import { generateArtifacts, type GenerateOptions } from '../../src/artifacts.js'
import { typeOf } from '@induced-metric/onnx/adapter'
import { TrainingSession } from '../../src/session/trainingSession.js'
import {
  createNode as node,
  createValue,
  dataType,
  readModel,
  writeModel,
  type Model,
} from '@induced-metric/onnx/proto'
import { gpt, lenet, mlp } from '@induced-metric/onnx/models'
import { relativeError } from '../../../onnx/test/run.js'
import { isInstalled, startGenuine, type Genuine } from '../../../onnx/test/genuine/runtime.js'
import { parametersOf } from '../genuine/trainer.js'
import { drawn, tensor, type Tensor } from '../../../onnx/test/gradients/harness.js'
import { feedsOf, forward } from './training.js'

// Artifacts generated here, in the last release of ONNX Runtime for JavaScript with training: it loads them, and
// trains alike.

const { float } = dataType
const labelsOf = (dims: readonly number[], classes: number): Tensor =>
  tensor(
    dims,
    Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => (i * 7 + 3) % classes),
    dataType.int64,
  )
const real = (dims: readonly number[], seed: number): Tensor => drawn(dims, seed, { type: float })

const layered = (opType: string, parameters: Record<string, Tensor>, attributes = {}): Model =>
  forward(
    [
      node('MatMul', ['x', 'w'], ['h']),
      node(opType, ['h', ...Object.keys(parameters)], ['n'], attributes),
      node('MatMul', ['n', 'v'], ['y']),
    ],
    { x: ['batch', 4] },
    { w: real([4, 6], 1), ...parameters, v: real([6, 3], 2) },
    { y: ['batch', 3] },
    { type: float },
  )
const vector = (seed: number, low: number, high: number): Tensor =>
  drawn([6], seed, { low, high, type: float })

const cases: [string, Model, GenerateOptions, Record<string, Tensor>][] = [
  [
    'a dense network',
    mlp({ sizes: [4, 8, 3] }),
    { loss: 'cross-entropy' },
    { input: real([8, 4], 3), labels: labelsOf([8], 3) },
  ],
  [
    'a convolutional network',
    lenet({}),
    { loss: 'cross-entropy' },
    { input: real([2, 1, 28, 28], 3), labels: labelsOf([2], 10) },
  ],
  [
    'a transformer',
    gpt({ layers: 1, width: 8, heads: 2, vocabulary: 11, context: 6 }),
    {
      // Scores are [batch, positions, classes], and classes come second.
      loss: ({ outputs: [scores], emit, emitAll, input, fresh }) => {
        const last = emit('Transpose', [scores], { perm: [0, 2, 1] })
        const [loss, logProbabilities] = [fresh('loss'), fresh('log_prob')]
        const labels = input('labels', dataType.int64, ['batch', 'positions'])
        emitAll('SoftmaxCrossEntropyLoss', [last, labels], { reduction: 'mean' }, [loss, logProbabilities])
        return loss
      },
    },
    { input_ids: labelsOf([2, 6], 11), labels: labelsOf([2, 6], 11) },
  ],
  [
    'batch normalisation',
    layered(
      'BatchNormalization',
      {
        scale: vector(4, 0.5, 2),
        bias: vector(5, -1, 1),
        mean: vector(6, -1, 1),
        variance: vector(7, 0.5, 2),
      },
      { momentum: { float: 0.75 } },
    ),
    { loss: 'mse' },
    { x: real([8, 4], 8), target: real([8, 3], 9) },
  ],
  [
    'layer normalisation, part of it frozen',
    layered('LayerNormalization', { scale: vector(4, 0.5, 2), bias: vector(5, -1, 1) }),
    { loss: 'mse', frozen: ['w', 'scale'] },
    { x: real([8, 4], 8), target: real([8, 3], 9) },
  ],
]

describe.skipIf(!isInstalled)('in the genuine runtime, generated artifacts train as they do here:', () => {
  let genuine: Genuine
  beforeAll(async () => {
    genuine = await startGenuine()
  })

  it.each(cases)('%s', async (_, model, options, inputs) => {
    const { trainModel, evalModel, optimizerModel, checkpointState, state } = await generateArtifacts(model, {
      ...options,
      optimizer: 'adamw',
    })
    const artifacts = { trainModel, evalModel, optimizerModel: optimizerModel!, checkpointState }
    const here = await TrainingSession.create({ ...artifacts, ort })
    const there = await genuine.create(artifacts)
    const theirFeeds = Object.fromEntries(
      Object.entries(inputs).map(([name, { dims, dataType: type, data }]) => [
        name,
        genuine.tensor(type === float ? 'float32' : 'int64', data as Float32Array, dims),
      ]),
    )
    const scalars = state.trainable.reduce((total, { data }) => total + data.length, 0)
    const before = await parametersOf(here)
    expect(before).toHaveLength(scalars)
    for (let step = 0; step < 10; step++) {
      const mine = (await here.runTrainStep(feedsOf(inputs)))['loss']!.data as Float32Array
      const theirs = (await there.runTrainStep(theirFeeds))['loss']!.data as Float32Array
      expect(Math.abs(mine[0]! - theirs[0]!) / theirs[0]!, `step ${step}`).toBeLessThan(1e-5)
      await here.runOptimizerStep()
      await there.runOptimizerStep()
      await here.lazyResetGrad()
      await there.lazyResetGrad()
    }
    expect(relativeError(await parametersOf(here), before)).toBeGreaterThan(1e-4)
    expect(relativeError(await parametersOf(here), await parametersOf(there))).toBeLessThan(1e-4)
    // Frozen parameters, running statistics among them.
    const all = async (session: Pick<TrainingSession, 'getContiguousParameters'>) =>
      (await session.getContiguousParameters(false)).data as Float32Array
    expect(relativeError(await all(here), await all(there as never))).toBeLessThan(1e-4)
    await here.release()
    await there.release()
  })

  it('gradients agree', async () => {
    for (const [name, model, options, inputs] of cases) {
      const { trainModel, checkpointState, state } = await generateArtifacts(model, options)
      const here = await TrainingSession.create({ trainModel, checkpointState, ort })
      await here.runTrainStep(feedsOf(inputs))
      const buffers = state.trainable.map(({ name: parameter, dims, data }) => [
        `${parameter}_grad.accumulation.buffer`,
        { dims, dataType: float, data: new Float32Array(data.length) },
      ])
      const parameters = [...state.trainable, ...state.frozen].map((given) => [given.name, given])
      const feeds = Object.fromEntries([...parameters, ...buffers, ...Object.entries(inputs)]) as Record<
        string,
        Tensor
      >
      feeds['lazy_reset_grad'] = tensor([1], [1], dataType.bool)
      const exposed = exposeGradients(
        trainModel,
        state.trainable.map(({ name: parameter }) => parameter),
      )
      const results = await genuine.infer(exposed, feeds)
      for (const { name: parameter } of state.trainable) {
        const mine = here.gradients.get(parameter)!.data as Float32Array
        const theirs = results[`${parameter}_grad`]!.data as Float32Array
        expect(relativeError(mine, theirs), `${name}: ${parameter}`).toBeLessThan(1e-5)
      }
      await here.release()
    }
  })
})

/** The training model with gradients among its outputs. */
function exposeGradients(trainModel: Uint8Array, parameters: readonly string[]): Uint8Array {
  const model = readModel(trainModel)
  const shapes = new Map(model.graph.input.map((input) => [input.name, input]))
  for (const name of parameters) {
    const { dataType: type, shape } = typeOf(shapes.get(name)!)
    model.graph.output.push(createValue(`${name}_grad`, type!, shape as number[]))
  }
  return writeModel(model)
}
