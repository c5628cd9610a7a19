import { fileURLToPath } from 'node:url'
import { adam, inducedMetric } from '@induced-metric/core'
import * as ort from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { generateArtifacts, type GenerateOptions } from '../../src/artifacts.js'
import { TrainingSession } from '../../src/session/trainingSession.js'
import {
  createNode as node,
  createTensor,
  dataType,
  readModel,
  type Model,
  type NodeProto,
  writeModel,
} from '@induced-metric/onnx/proto'
import { relativeError, runModel } from '../../../onnx/test/run.js'
import { drawn, tensor, type Tensor } from '../../../onnx/test/gradients/harness.js'
import { feedsOf, forward, startTraining } from './training.js'

// Running statistics that share a constant with other values, as in exports of untrained networks.

const pathOf = (name: string): string =>
  fileURLToPath(new URL(`../fixtures/forward/${name}.onnx`, import.meta.url))
const { float } = dataType
const real = (dims: readonly number[], seed: number, low = -2, high = 2): Tensor =>
  drawn(dims, seed, { low, high, type: float })
const filled = (value: number, size = 4): Tensor => tensor([size], Array<number>(size).fill(value), float)
const attributes = { momentum: { float: 0.75 }, epsilon: { float: 1e-3 } }
const normalize = (input: string, output: string, values: readonly string[]): NodeProto =>
  node('BatchNormalization', [input, ...values], [output], attributes)

/** Two convolutions with batch normalisation; `statistics` gives the statistics, by layer. */
function network(
  statistics: readonly [readonly string[], readonly string[]],
  nodes: readonly NodeProto[] = [],
  more: Readonly<Record<string, Tensor>> = {},
): Model {
  const window = { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }
  return forward(
    [
      ...nodes,
      node('Conv', ['x', 'conv1.weight'], ['c1'], window),
      normalize('c1', 'n1', statistics[0]),
      node('Relu', ['n1'], ['r1']),
      node('Conv', ['r1', 'conv2.weight'], ['c2'], window),
      normalize('c2', 'n2', statistics[1]),
      node('Relu', ['n2'], ['r2']),
      node('GlobalAveragePool', ['r2'], ['p']),
      node('Flatten', ['p'], ['f']),
      node('MatMul', ['f', 'head.weight'], ['y']),
    ],
    { x: ['batch', 2, 5, 5] },
    {
      'conv1.weight': real([4, 2, 3, 3], 1),
      'conv2.weight': real([4, 4, 3, 3], 2),
      'head.weight': real([4, 3], 3),
      ...more,
    },
    { y: ['batch', 3] },
    { type: float },
  )
}

/** The network without shared values, which all others must match. */
const separate = network(
  [
    ['one1', 'zero1', 'mean1', 'var1'],
    ['one2', 'zero2', 'mean2', 'var2'],
  ],
  [],
  Object.fromEntries(
    [1, 2].flatMap((i) => [
      [`one${i}`, filled(1)],
      [`zero${i}`, filled(0)],
      [`mean${i}`, filled(0)],
      [`var${i}`, filled(1)],
    ]),
  ),
)
const own = { one1: filled(1), zero1: filled(0), one2: filled(1), zero2: filled(0) }
const identity = (from: string, to: string): NodeProto => node('Identity', [from], [to])

const aliased: readonly (readonly [string, Model])[] = [
  [
    'weight and bias themselves',
    network(
      [
        ['one1', 'zero1', 'zero1', 'one1'],
        ['one2', 'zero2', 'zero2', 'one2'],
      ],
      [],
      own,
    ),
  ],
  [
    'what Identity makes of weight and bias',
    network(
      [
        ['one1', 'zero1', 'mean1', 'var1'],
        ['one2', 'zero2', 'mean2', 'var2'],
      ],
      [
        identity('zero1', 'mean1'),
        identity('one1', 'a'),
        identity('a', 'var1'),
        identity('zero1', 'mean2'),
        identity('one2', 'var2'),
      ],
      own,
    ),
  ],
  [
    'shared by two layers',
    network(
      [
        ['one1', 'zero1', 'mean', 'var'],
        ['one2', 'zero2', 'mean', 'var'],
      ],
      [],
      { ...own, mean: filled(0), var: filled(1) },
    ),
  ],
  [
    'shared by two layers by way of one Identity',
    network(
      [
        ['one1', 'zero1', 'mean', 'var'],
        ['one2', 'zero2', 'mean', 'var'],
      ],
      [identity('zero1', 'mean'), identity('one2', 'var')],
      own,
    ),
  ],
  [
    'constants',
    network(
      [
        ['one1', 'zero1', 'mean', 'var'],
        ['one2', 'zero2', 'mean', 'var'],
      ],
      [
        node('Constant', [], ['mean'], { value: createTensor('', [4], float, new Float32Array(4)) }),
        node('Constant', [], ['var'], { value: createTensor('', [4], float, new Float32Array(4).fill(1)) }),
      ],
      own,
    ),
  ],
  [
    'computed from parameters',
    network(
      [
        ['one1', 'zero1', 'mean1', 'var1'],
        ['one2', 'zero2', 'mean2', 'var2'],
      ],
      [
        node('Neg', ['zero1'], ['mean1']),
        node('Exp', ['zero1'], ['var1']),
        node('Mul', ['zero2', 'one2'], ['mean2']),
        node('Sqrt', ['one2'], ['var2']),
      ],
      own,
    ),
  ],
]

const feeds = feedsOf({ x: real([4, 2, 5, 5], 7), target: real([4, 3], 8) })
const options: GenerateOptions = { loss: 'mse' }
const optimizer = inducedMetric(adam(), { learningRate: 0.05 })

/**
 * Losses of train steps, and the results of eval and of an exported model; the same after resuming from a checkpoint.
 */
async function course(model: Model | string): Promise<number[]> {
  const { trainModel, evalModel, checkpointState } = await generateArtifacts(model, options)
  let session = await TrainingSession.create({ trainModel, evalModel, checkpointState, optimizer, ort })
  const found: number[] = []
  const number = (outputs: Record<string, { data: unknown }>): number =>
    Number((Object.values(outputs)[0]!.data as Float32Array)[0])
  for (let step = 0; step < 6; step++) {
    found.push(number(await session.runTrainStep(feeds)))
    await session.runOptimizerStep()
    await session.lazyResetGrad()
    if (step === 2) {
      const saved = await session.saveCheckpoint()
      await session.release()
      session = await TrainingSession.create({
        trainModel,
        evalModel,
        checkpointState: saved,
        optimizer,
        ort,
      })
    }
  }
  found.push(number(await session.runEvalStep(feeds)))
  const exported = readModel(await session.exportModelForInference(['y']))
  const { dims, data } = feeds['x']!
  const results = await runModel(
    exported,
    { x: { dims, data: Array.from(data as Float32Array) } },
    'disabled',
  )
  found.push(...results['y']!.data)
  await session.release()
  return found
}

describe('running statistics of its own has a batch normalisation whose statistics are', () => {
  it.each(aliased)('%s', async (_, model) => {
    expect(relativeError(await course(model), await course(separate))).toBeLessThan(1e-5)
  })

  it('aliases, as PyTorch writes them', async () => {
    const session = await startTraining(pathOf('bn_identity'), { loss: 'cross-entropy' })
    expect([...session.parameters].filter(([, { trainable }]) => !trainable).map(([name]) => name)).toEqual([
      'bn.running_mean',
      'bn.running_var',
    ])
    const given = feedsOf({
      x: real([8, 4], 1),
      labels: tensor([8], [0, 1, 2, 0, 1, 2, 0, 1], dataType.int64),
    })
    let trained = 0
    for (let step = 0; step < 60; step++) {
      trained = Number(((await session.runTrainStep(given))['loss']!.data as Float32Array)[0])
    }
    const evaluated = Number(((await session.runEvalStep(given))['loss']!.data as Float32Array)[0])
    // The running variance is that of a population; the batch's is not.
    expect(Math.abs(evaluated - trained) / trained).toBeLessThan(0.02)
    await session.release()
  })
})

it('statistics that stay as they are need not be separate where nothing else changes them', async () => {
  const inference: GenerateOptions = { ...options, batchNormalization: 'inference' }
  const [, , [, shared]] = aliased as [unknown, unknown, (typeof aliased)[number]]
  const { state } = await generateArtifacts(shared, inference)
  expect(state.frozen.map(({ name }) => name)).toContain('mean')
  const [[, alias]] = aliased as [(typeof aliased)[number]]
  const before = await generateArtifacts(alias, inference)
  expect(before.state.frozen).toHaveLength(4)
})

it('statistics that depend on an input are refused where they are to move', async () => {
  const model = network(
    [
      ['one1', 'zero1', 'mean', 'one1'],
      ['one2', 'zero2', 'zero2', 'one2'],
    ],
    [
      node('ReduceMean', ['x'], ['m'], { axes: [0, 2, 3], keepdims: 0 }),
      node('Concat', ['m', 'm'], ['mean'], { axis: 0 }),
    ],
    own,
  )
  await expect(generateArtifacts(model, { ...options, batchNormalization: 'training' })).rejects.toThrow(
    /ERR_NOT_SUPPORTED.*BatchNormalization.*running_mean "mean" depends on an input.*batchNormalization: 'inference'/,
  )
  await generateArtifacts(model, { ...options, batchNormalization: 'inference' })
  // By default those stay that cannot move, and the others move.
  const { trainModel } = await generateArtifacts(model, options)
  const operators = readModel(trainModel).graph.node.map(({ opType }) => opType)
  expect(operators.filter((opType) => opType === 'BatchNormInternal')).toHaveLength(1)
  expect(operators.filter((opType) => opType === 'BatchNormalization')).toHaveLength(1)
})

it('statistics that layers share in artifacts of others go on from layer to layer, as in the genuine kernel', async () => {
  const made = await generateArtifacts(separate, options)
  const statisticsOf = async (trainModel: Uint8Array): Promise<(name: string) => number[]> => {
    const session = await TrainingSession.create({ trainModel, checkpointState: made.state, ort })
    await session.runTrainStep(feeds)
    const found = new Map(
      [...session.parameters].map(([name, { data }]) => [name, Array.from(data as Float32Array)]),
    )
    await session.release()
    return (name) => found.get(name)!
  }
  const shared = readModel(made.trainModel)
  for (const { opType, input } of shared.graph.node) {
    if (opType !== 'BatchNormInternal' || input[3] !== 'mean2') continue
    input.splice(3, 2, 'mean1', 'var1')
  }
  shared.graph.input = shared.graph.input.filter(({ name }) => name !== 'mean2' && name !== 'var2')
  const apart = await statisticsOf(made.trainModel)
  const together = await statisticsOf(writeModel(shared))
  for (const [what, start] of [
    ['mean', 0],
    ['var', 1],
  ] as const) {
    // old·0.75 + 0.25·batch, of both batches one after the other.
    const expected = apart(`${what}1`).map((first, i) => first * 0.75 + apart(`${what}2`)[i]! - start * 0.75)
    expect(relativeError(together(`${what}1`), expected)).toBeLessThan(1e-6)
  }
})
