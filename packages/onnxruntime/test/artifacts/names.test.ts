import { fileURLToPath } from 'node:url'
import * as ort from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { TrainingSession } from '../../src/session/trainingSession.js'
import { generateArtifacts, mseLoss, type GenerateOptions } from '../../src/artifacts.js'
import {
  createNode as node,
  createValue,
  dataType,
  int64Tensor,
  readModel,
  type Model,
} from '@induced-metric/onnx/proto'
import { model, numbers } from '../../../onnx/test/builder.js'
import { isInstalled, startGenuine } from '../../../onnx/test/genuine/runtime.js'
import { drawn, type Tensor } from '../../../onnx/test/gradients/harness.js'
import { checkTraining, forward } from './training.js'

// Training adds values to a model, and the genuine runtime knows some of them by their names. A model may have such
// names already.

const x = drawn([5, 4], 1)
const target = drawn([5, 4], 2)

/** y = tanh(x·w)·v, with given names for its values. */
function called(names: Partial<Record<'x' | 'w' | 'v' | 'm' | 't' | 'y', string>>): Model {
  const name = { x: 'x', w: 'w', v: 'v', m: 'm', t: 't', y: 'y', ...names }
  return forward(
    [
      node('MatMul', [name.x, name.w], [name.m]),
      node('Tanh', [name.m], [name.t]),
      node('MatMul', [name.t, name.v], [name.y]),
    ],
    { [name.x]: ['batch', 4] },
    { [name.w]: drawn([4, 4], 3), [name.v]: drawn([4, 4], 4) },
    { [name.y]: ['batch', 4] },
  )
}

/** Trains, and checks the gradients against finite differences. The loss is that of the model with plain names. */
async function check(
  names: Parameters<typeof called>[0],
  options: GenerateOptions = {},
  inputs: Record<string, Tensor> = { [names.x ?? 'x']: x, target },
): Promise<void> {
  const all: GenerateOptions = { loss: 'mse', ...options }
  const { loss, gradients } = await checkTraining(called(names), all, inputs)
  const plain = await checkTraining(called({}), { loss: 'mse' }, { x, target })
  expect(loss).toBeCloseTo(plain.loss, 12)
  expect([...gradients.values()]).toEqual([...plain.gradients.values()])
}

const reserved = [
  'w_grad',
  'w_grad_2',
  'w_grad.accumulation.buffer',
  'w_grad.accumulation.out',
  'w_grad.accumulation',
  'w_grad.output',
  'lazy_reset_grad',
  'loss',
  'loss_grad',
  'log_prob',
  'labels',
  'constructor',
]

describe('artifacts load and train where', () => {
  it('a parameter is called as the gradient of another', async () => {
    const path = fileURLToPath(new URL('../fixtures/forward/names_grad.onnx', import.meta.url))
    const { state, summary, trainModel } = await generateArtifacts(path, { loss: 'mse' })
    expect(state.trainable.map(({ name }) => name)).toEqual(['w', 'w_grad'])
    expect(summary.inputs).toEqual(['x float32 [N, 4]', 'target float32 [N, 4]'])
    // The genuine runtime depends on these names.
    expect(readModel(trainModel).graph.input.map(({ name }) => name)).toEqual([
      'x',
      'target',
      'w',
      'w_grad',
      'w_grad.accumulation.buffer',
      'w_grad_grad.accumulation.buffer',
      'lazy_reset_grad',
    ])
  })

  it.skipIf(!isInstalled)('in the genuine runtime, too, unless inputs have its names', async () => {
    const genuine = await startGenuine()
    const path = fileURLToPath(new URL('../fixtures/forward/names_grad.onnx', import.meta.url))
    const made = await generateArtifacts(path, { loss: 'mse', optimizer: 'adamw' })
    const { trainModel, evalModel, optimizerModel, checkpointState } = made
    const artifacts = { trainModel, evalModel, optimizerModel: optimizerModel!, checkpointState }
    const [here, there] = [
      await TrainingSession.create({ ...artifacts, ort }),
      await genuine.create(artifacts),
    ]
    const inputs = { x: numbers(20, 1, 1), target: numbers(20, 2, 1) }
    const feeds = <T>(tensorOf: (data: Float32Array) => T): Record<string, T> =>
      Object.fromEntries(Object.entries(inputs).map(([name, data]) => [name, tensorOf(data)]))
    const mine = feeds((data) => new ort.Tensor('float32', data, [5, 4]))
    const theirs = feeds((data) => genuine.tensor('float32', data, [5, 4]))
    const numberOf = (given: { readonly data: unknown }): number => (given.data as Float32Array)[0]!
    for (let step = 0; step < 3; step++) {
      const [a, b] = [await here.runTrainStep(mine), await there.runTrainStep(theirs)]
      expect(numberOf(a['loss']!)).toBeCloseTo(numberOf(b['loss']!), 5)
      for (const session of [here, there]) {
        await session.runOptimizerStep()
        await session.lazyResetGrad()
      }
    }
    await here.release()
    await there.release()
  })

  it.each(reserved.flatMap((name) => (['v', 'm', 'x'] as const).map((place) => [place, name] as const)))(
    '%s is called %s',
    (place, name) => check({ [place]: name }),
  )

  it('every value is called so', () =>
    check({
      v: 'w_grad',
      m: 'lazy_reset_grad',
      t: 'w_grad.accumulation.buffer',
      y: 'loss',
      x: 'w_grad_grad',
    }))

  it('names of the genuine format are kept for what it knows by them, but for inputs that have them', async () => {
    const inputsOf = async (names: Parameters<typeof called>[0]): Promise<string[]> => {
      const { trainModel } = await generateArtifacts(called(names), { loss: 'mse' })
      return readModel(trainModel).graph.input.map(({ name }) => name)
    }
    const usual = ['w_grad.accumulation.buffer', 'v_grad.accumulation.buffer', 'lazy_reset_grad']
    expect(await inputsOf({ m: 'lazy_reset_grad', t: 'w_grad.accumulation.buffer' })).toEqual([
      'x',
      'target',
      'w',
      'v',
      ...usual,
    ])
    expect(await inputsOf({ x: 'lazy_reset_grad' })).toContain('lazy_reset_grad_2')
    expect(await inputsOf({ v: 'w_grad.accumulation.buffer' })).toContain('w_grad.accumulation.buffer_2')
  })

  it('a constant is called as an input of the loss', async () => {
    const made = called({})
    made.graph.node[2] = node('Reshape', ['t', 'target'], ['r'])
    made.graph.node.push(node('MatMul', ['r', 'v'], ['y']))
    made.graph.initializer.push(int64Tensor('target', [-1, 4]))
    await checkTraining(made, { loss: 'mse' }, { x, target })
  })

  it('a loss that is a model has an input called as one of the model’s, or as a constant', async () => {
    const loss = model(
      [
        node('Sub', ['y', 'x'], ['d']),
        node('Mul', ['d', 'scale'], ['s']),
        node('ReduceL2', ['s'], ['norm'], { keepdims: 0 }),
      ],
      [
        createValue('y', dataType.double, ['batch', 4]),
        createValue('x', dataType.double, ['batch', 4]),
        createValue('scale', dataType.double, [1]),
      ],
      [createValue('norm', dataType.double, [])],
    )
    const made = called({})
    made.graph.initializer.push(int64Tensor('scale', [1]))
    await checkTraining(made, { loss: { model: loss } }, { x, scale: drawn([1], 5) })
  })

  it('an input of the model is what the loss takes', async () => {
    const { gradients } = await checkTraining(called({ x: 'target' }), { loss: 'mse' }, { target: x })
    expect(gradients.size).toBe(2)
  })
})

it('a parameter or a value that is called as an input of the loss is refused, with what to do', async () => {
  for (const [place, kind] of [
    ['v', 'has a parameter'],
    ['m', 'computes a value'],
    ['y', 'computes a value'],
  ] as const) {
    await expect(generateArtifacts(called({ [place]: 'target' }), { loss: 'mse' })).rejects.toThrow(
      new RegExp(`ERR_OPTION: the model ${kind} "target", .*give the loss another name`),
    )
    await check({ [place]: 'target' }, { loss: mseLoss({ target: 'wanted' }) }, { x, wanted: target })
  }
})
