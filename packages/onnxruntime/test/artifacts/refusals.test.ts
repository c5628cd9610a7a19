import { create } from '@bufbuild/protobuf'
import { describe, expect, it } from 'vitest'
import { generateArtifacts } from '../../src/artifacts.js'
import {
  createNode as node,
  createTensor,
  dataType,
  FunctionProtoSchema,
  OperatorSetIdProtoSchema,
  type Model,
} from '@induced-metric/onnx/proto'
import { mlp } from '@induced-metric/onnx/models'
import { drawn, tensor } from '../../../onnx/test/gradients/harness.js'
import { checkTraining, forward } from './training.js'

const { float, int8 } = dataType
const x = drawn([3, 4], 1)

/** An operator set of a domain. */
const imported = (domain: string, version: number) =>
  create(OperatorSetIdProtoSchema, { domain, version: BigInt(version) })

describe('an operator that the runtime does not know', () => {
  /** y = Twice(x·w). */
  const custom = (domain: string): Model => {
    const model = forward(
      [node('MatMul', ['x', 'w'], ['h']), node(`${domain}:Twice`, ['h'], ['y'])],
      { x: ['batch', 4] },
      { w: drawn([4, 2], 2) },
      { y: ['batch', 2] },
    )
    if (domain !== '') model.opsetImport.push(imported(domain, 1))
    return model
  }

  it.each([
    ['', 'Twice'],
    ['com.example', 'Twice of domain com.example'],
    ['com.microsoft', 'Twice of domain com.microsoft'],
  ])('of domain %j is named, with the way out', async (domain, operator) => {
    await expect(generateArtifacts(custom(domain), { loss: 'mse' })).rejects.toThrow(
      `ERR_NOT_SUPPORTED: the model: the runtime does not know the operator ${operator}. Define it in the model as a function`,
    )
  })

  it('is trained through once the model defines it', async () => {
    const model = custom('com.example')
    model.functions.push(
      create(FunctionProtoSchema, {
        name: 'Twice',
        domain: 'com.example',
        input: ['a'],
        output: ['b'],
        node: [node('Add', ['a', 'a'], ['b'])],
        opsetImport: [imported('', 17)],
      }),
    )
    await checkTraining(model, { loss: 'mse' }, { x, target: drawn([3, 2], 3) })
  })
})

describe('what is no forward model', () => {
  it('is said to be a training model', async () => {
    const { trainModel } = await generateArtifacts(mlp({ sizes: [4, 2] }), { loss: 'mse' })
    await expect(generateArtifacts(trainModel, { loss: 'mse' })).rejects.toThrow(
      /^ERR_OPTION: the model is a training model already, with operator InPlaceAccumulatorV2 .*as trainModel\. Artifacts are generated from the forward model$/,
    )
  })
})

describe('a model without parameters', () => {
  it('names what no gradient flows to as settings', async () => {
    const model = forward(
      [
        node('NonMaxSuppression', ['boxes', 'scores', 'most', 'overlap'], ['chosen']),
        node('Cast', ['chosen'], ['y'], { to: float }),
      ],
      { boxes: [1, 5, 4], scores: [1, 1, 5] },
      { overlap: tensor([1], [0.5], float), most: tensor([1], [3], dataType.int64) },
      { y: ['n', 3] },
      { type: float },
    )
    await expect(generateArtifacts(model, { loss: 'mse' })).rejects.toThrow(
      /^ERR_OPTION: the model has no parameters to train: no initializer of float or double\. Its settings take no gradient \(overlap of NonMaxSuppression\): train the model that computes its inputs/,
    )
  })
})

describe('quantised models', () => {
  const scale = { dims: [], dataType: float, data: Float32Array.of(0.1) }
  const scalar = (type: number, value: number) => tensor([], [value], type)

  it('are told of adapters, if only weights of whole numbers are left', async () => {
    const model = forward(
      [node('DequantizeLinear', ['q', 'scale', 'zero'], ['w']), node('MatMul', ['x', 'w'], ['y'])],
      { x: ['batch', 4] },
      { scale, zero: scalar(int8, 0) },
      { y: ['batch', 2] },
      { type: float },
    )
    model.graph.initializer.push(createTensor('q', [4, 2], int8, Int8Array.of(1, 2, 3, 4, 5, 6, 7, 8)))
    await expect(generateArtifacts(model, { loss: 'mse' })).rejects.toThrow(
      /^ERR_OPTION: the model has no parameters to train.*quantised.*addLora puts adapters/,
    )
  })

  it.each(['mse', 'cross-entropy', 'bce-with-logits'] as const)(
    'whose outputs are whole numbers are told which value %s is computed from',
    async (loss) => {
      const model = forward(
        [node('MatMul', ['x', 'w'], ['h']), node('QuantizeLinear', ['h', 'scale', 'zero'], ['y'])],
        { x: ['batch', 4] },
        {
          w: drawn([4, 2], 2, { type: float }),
          scale,
          zero: scalar(int8, 0),
        },
        { y: ['batch', 2] },
        { type: float },
      )
      delete model.graph.output[0]!.type
      await expect(generateArtifacts(model, { loss })).rejects.toThrow(
        /^ERR_OPTION: a loss is computed from real numbers, and "y" is of int8; .*outputNames: \["h"\]$/,
      )
      const { summary } = await generateArtifacts(model, { loss, outputNames: ['h'] })
      expect(summary.trainableScalars).toBe(8)
    },
  )
})
