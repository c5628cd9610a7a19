import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { create } from '@bufbuild/protobuf'
import * as ort from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { generateArtifacts, type GenerateOptions } from '../../src/artifacts.js'
import { typeOf } from '@induced-metric/onnx/adapter'
import { TrainingSession } from '../../src/session/trainingSession.js'
import {
  createNode as node,
  dataType,
  int64Tensor,
  OperatorSetIdProtoSchema,
  readModel,
  type Model,
} from '@induced-metric/onnx/proto'
import { drawn, tensor } from '../../../onnx/test/gradients/harness.js'
import { checkTraining, feedsOf, forward, startTraining } from './training.js'

const pathOf = (name: string): string =>
  fileURLToPath(new URL(`../fixtures/forward/${name}.onnx`, import.meta.url))
const { float } = dataType
const labels = tensor([4], [0, 2, 1, 1], dataType.int64)

describe('what exporters write, and the format does not forbid:', () => {
  it.each(['opset_twice', 'axis_minus1'])('%s', async (name) => {
    const { trainModel, evalModel, checkpointState } = await generateArtifacts(pathOf(name), {
      loss: 'cross-entropy',
    })
    const session = await TrainingSession.create({ trainModel, evalModel, checkpointState, ort })
    const feeds = feedsOf({ x: drawn([4, 4], 1, { type: float }), labels })
    const trained = (await session.runTrainStep(feeds))['loss']!.data as Float32Array
    const evaluated = (await session.runEvalStep(feeds))['loss']!.data as Float32Array
    expect(evaluated[0]).toBeCloseTo(trained[0]!, 5)
    expect(session.gradients.get('w')!.data.some((value) => value !== 0)).toBe(true)
    await session.release()
    expect(readModel(trainModel).opsetImport.filter(({ domain }) => domain === '')).toHaveLength(1)
  })

  it('the same operator set under both of its names; but not in two versions', async () => {
    const imported = (version: bigint): Model => {
      const model = fixed('Flatten')
      model.opsetImport.push(create(OperatorSetIdProtoSchema, { domain: 'ai.onnx', version }))
      return model
    }
    await generateArtifacts(imported(17n), { loss: 'mse' })
    await expect(generateArtifacts(imported(16n), { loss: 'mse' })).rejects.toThrow(
      /ERR_OPTION.*two versions of one operator set/,
    )
  })

  it('an axis of −1 that a session finds in artifacts of others', () => {
    const [input] = readModel(readFileSync(pathOf('axis_minus1'))).graph.input
    expect(typeOf(input!).shape).toEqual([undefined, 4])
  })
})

describe('outputs that a model declares wrongly', () => {
  const x = drawn([3, 4], 1, { type: float })
  const w = drawn([4, 2], 2, { type: float })

  it.each([[[]], [['batch', 5]], [['batch', 2, 1]]])('as %j, have the extents they come to', async (dims) => {
    const model = forward(
      [node('MatMul', ['x', 'w'], ['y'])],
      { x: ['batch', 4] },
      { w },
      { y: dims },
      { type: float },
    )
    const artifacts = await generateArtifacts(model, { loss: 'mse' })
    expect(artifacts.summary.inputs[1]).toBe('target float32 [batch, 2]')
    const session = await TrainingSession.create({ ...artifacts, ort })
    await session.runTrainStep(feedsOf({ x, target: drawn([3, 2], 3, { type: float }) }))
    expect(session.gradients.get('w')!.data.some((value) => value !== 0)).toBe(true)
    await session.release()
  })
})

/** y = BatchNormalization(flatten(x)·w) of x: [1, 2, 3], as an exporter that fixes the batch writes it. */
function fixed(flatten: 'Flatten' | 'Reshape' | 'rows'): Model {
  const made = forward(
    [
      flatten === 'Flatten'
        ? node('Flatten', ['x'], ['f'])
        : node('Reshape', ['x', flatten === 'rows' ? 'rows' : 'target'], ['f']),
      node('MatMul', ['f', 'w'], ['y']),
    ],
    { x: [1, 2, 3] },
    { w: drawn(flatten === 'rows' ? [3, 3] : [6, 3], 1) },
    { y: flatten === 'rows' ? [2, 3] : [1, 3] },
  )
  made.graph.initializer.push(int64Tensor('target', [1, 6]), int64Tensor('rows', [-1, 3]))
  return made
}

describe('inputs, declared anew,', () => {
  const free: GenerateOptions = { loss: 'mse', inputs: { x: ['batch', 2, 3] } }

  it('take a batch of any size, and what follows from them does', async () => {
    const { summary } = await generateArtifacts(fixed('Flatten'), free)
    expect(summary.inputs).toEqual(['x float64 [batch, 2, 3]', 'target float64 [batch, 3]'])
    for (const batch of [1, 4]) {
      const inputs = { x: drawn([batch, 2, 3], 2), target: drawn([batch, 3], 3) }
      await checkTraining(fixed('Flatten'), free, inputs)
    }
  })

  it('are fixed, too, and may have several symbols', async () => {
    const shapes = async (inputs: NonNullable<GenerateOptions['inputs']>): Promise<readonly string[]> =>
      (await generateArtifacts(fixed('rows'), { loss: 'mse', inputs })).summary.inputs
    expect(await shapes({ x: [8, 2, 3] })).toEqual(['x float64 [8, 2, 3]', 'target float64 [16, 3]'])
    const [x] = await shapes({ x: ['batch', 'time', 3] })
    expect(x).toBe('x float64 [batch, time, 3]')
  })

  it('leave the model that was handed over as it was', async () => {
    const model = fixed('Flatten')
    await generateArtifacts(model, free)
    expect(typeOf(model.graph.input[0]!).shape).toEqual([1, 2, 3])
  })

  it('are refused where the model has the extents in it', async () => {
    await expect(generateArtifacts(fixed('Reshape'), free)).rejects.toThrow(
      /ERR_SHAPE.*accepts no others.*operator Reshape.*would make \[1, 6\] of \[2, 2, 3\].*axes dynamic/,
    )
    const stuck = fixed('rows')
    stuck.graph.node.unshift(node('Reshape', ['x', 'one'], ['flat']))
    stuck.graph.node[1]!.input[0] = 'flat'
    stuck.graph.initializer.push(int64Tensor('one', [1, -1]))
    stuck.graph.initializer = stuck.graph.initializer.map((given) =>
      given.name === 'rows' ? int64Tensor('rows', [1, -1, 3]) : given,
    )
    stuck.graph.output = forward([], {}, {}, { y: [1, 2, 3] }).graph.output
    await expect(generateArtifacts(stuck, free)).rejects.toThrow(
      /ERR_SHAPE.*output "y" is \[1, 4, 3\] where the input "x" is \[2, 2, 3\]/,
    )
    const dense = fixed('Flatten')
    dense.graph.initializer = dense.graph.initializer.filter(({ name }) => name === 'w')
    await expect(
      generateArtifacts(dense, { loss: 'mse', inputs: { x: ['batch', 2, 'width'] } }),
    ).rejects.toThrow(/ERR_SHAPE.*accepts no others/)
  })

  it('are refused where they make no sense', async () => {
    const refused = (inputs: unknown, reason: RegExp) =>
      expect(generateArtifacts(fixed('Flatten'), { loss: 'mse', inputs: inputs as never })).rejects.toThrow(
        reason,
      )
    await refused({ z: ['batch', 2] }, /ERR_OPTION.*no input "z"; it has x/)
    await refused(
      { x: ['batch', 6] },
      /ERR_SHAPE.*"x" has the axes \[1, 2, 3\] in the model, given \[batch, 6\]/,
    )
    await refused({ x: ['batch', 2, -3] }, /ERR_OPTION.*whole numbers or names/)
    await refused({ x: ['', 2, 3] }, /ERR_OPTION.*whole numbers or names/)
    await refused({ x: 'batch' }, /ERR_OPTION.*whole numbers or names/)
    await refused(null, /ERR_OPTION.*inputs takes extents/)
  })
})

describe('an input that the loss does not depend on', () => {
  it('is fed to no step, or to both, and is there for what is exported', async () => {
    const session = await startTraining(pathOf('two_heads'), {
      loss: 'cross-entropy',
      outputNames: ['logits'],
    })
    expect(session.evalInputNames).toEqual(session.trainingInputNames)
    expect(session.evalInputNames).toEqual(['x', 'labels'])
    const feeds = feedsOf({ x: drawn([4, 4], 1, { type: float }), labels })
    const all = { ...feeds, ...feedsOf({ extra: drawn([4, 2], 2, { type: float }) }) }
    const losses: number[] = []
    for (const given of [feeds, all]) {
      for (const run of ['runTrainStep', 'runEvalStep'] as const) {
        losses.push(((await session[run](given))['loss']!.data as Float32Array)[0]!)
      }
    }
    for (const loss of losses) expect(loss).toBeCloseTo(losses[0]!, 6)
    await expect(session.runTrainStep({ ...feeds, other: feeds['x']! })).rejects.toThrow(
      /ERR_OPTION.*no input "other"/,
    )
    const exported = readModel(await session.exportModelForInference(['logits', 'aux']))
    expect(exported.graph.input.map(({ name }) => name)).toEqual(['x', 'extra'])
    await session.release()
  })
})
