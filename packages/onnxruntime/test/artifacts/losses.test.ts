import { describe, expect, it } from 'vitest'
import {
  bceWithLogitsLoss,
  crossEntropyLoss,
  generateArtifacts,
  l1Loss,
  mseLoss,
  type Loss,
} from '../../src/artifacts.js'
import {
  createNode as node,
  createValue as value,
  dataType,
  readModel,
  realTensor,
  writeModel,
} from '@induced-metric/onnx/proto'
import { model } from '../../../onnx/test/builder.js'
import { drawn, tensor, type Tensor } from '../../../onnx/test/gradients/harness.js'
import { checkTraining, forward } from './training.js'

const [batch, inputs, outputs] = [5, 3, 4]

const dense = (dims: readonly (number | string)[] = ['batch', outputs]) =>
  forward(
    [node('Gemm', ['x', 'w', 'b'], ['y'])],
    { x: ['batch', inputs] },
    { w: drawn([inputs, outputs], 1), b: drawn([outputs], 2) },
    { y: dims },
  )
const x = drawn([batch, inputs], 3)
const labels = [3, 0, 2, 2, 1]
const target = drawn([batch, outputs], 4)
const probabilities = drawn([batch, outputs], 5, { low: 0, high: 1 })

/** The scores that the model computes. */
function scoresOf(): number[][] {
  const [w, b] = [drawn([inputs, outputs], 1).data, drawn([outputs], 2).data]
  return Array.from({ length: batch }, (_, row) =>
    Array.from({ length: outputs }, (__, column) => {
      let sum = Number(b[column])
      for (let i = 0; i < inputs; i++)
        sum += Number(x.data[row * inputs + i]) * Number(w[i * outputs + column])
      return sum
    }),
  )
}

function logSoftmax(row: readonly number[]): number[] {
  const most = Math.max(...row)
  const total = Math.log(row.reduce((sum, score) => sum + Math.exp(score - most), 0))
  return row.map((score) => score - most - total)
}

const softplus = (score: number): number => Math.log1p(Math.exp(-Math.abs(score))) + Math.max(score, 0)
const each = (f: (score: number, i: number) => number): number[] => scoresOf().flat().map(f)
const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0)
const mean = (values: readonly number[]): number => sum(values) / values.length
const at = (given: Tensor, i: number): number => Number(given.data[i])

const int64 = tensor([batch], labels, dataType.int64)
const int32 = tensor([batch], labels, dataType.int32)
const weight = [0.5, 2, 1, 3]
const nll = (): number[] => scoresOf().map((row, i) => -logSoftmax(row)[labels[i]!]!)

const cases: [string, Loss, Record<string, Tensor>, () => number][] = [
  ['cross-entropy', 'cross-entropy', { labels: int64 }, () => mean(nll())],
  [
    'cross-entropy of int32 labels',
    crossEntropyLoss({ labelType: 'int32' }),
    { labels: int32 },
    () => mean(nll()),
  ],
  ['summed cross-entropy', crossEntropyLoss({ reduction: 'sum' }), { labels: int64 }, () => sum(nll())],
  [
    'weighted cross-entropy',
    crossEntropyLoss({ weight }),
    { labels: int64 },
    () =>
      sum(nll().map((value, i) => value * weight[labels[i]!]!)) / sum(labels.map((label) => weight[label]!)),
  ],
  [
    'cross-entropy but for a label',
    crossEntropyLoss({ ignoreIndex: 2, labels: 'classes' }),
    { classes: int64 },
    () => mean(nll().filter((_, i) => labels[i] !== 2)),
  ],
  ['mean squares', 'mse', { target }, () => mean(each((score, i) => (score - at(target, i)) ** 2))],
  [
    'sum of squares',
    mseLoss({ reduction: 'sum' }),
    { target },
    () => sum(each((score, i) => (score - at(target, i)) ** 2)),
  ],
  ['mean distances', 'l1', { target }, () => mean(each((score, i) => Math.abs(score - at(target, i))))],
  [
    'sum of distances',
    l1Loss({ reduction: 'sum', target: 'wanted' }),
    { wanted: target },
    () => sum(each((score, i) => Math.abs(score - at(target, i)))),
  ],
  [
    'binary cross-entropy',
    'bce-with-logits',
    { target: probabilities },
    () => mean(each((score, i) => softplus(score) - at(probabilities, i) * score)),
  ],
  [
    'weighted binary cross-entropy',
    bceWithLogitsLoss({ weight, posWeight: [2, 1, 0.5, 3] }),
    { target: probabilities },
    () =>
      mean(
        each((score, i) => {
          const t = at(probabilities, i)
          const positive = [2, 1, 0.5, 3][i % outputs]!
          return weight[i % outputs]! * (positive * t * softplus(-score) + (1 - t) * softplus(score))
        }),
      ),
  ],
  [
    'a function that builds a loss',
    ({ outputs: [y], emit, input, reals }) =>
      emit(
        'ReduceMean',
        [emit('Mul', [emit('Mul', [y, y]), emit('Add', [input('k', 11, [1]), reals([1], 11)])])],
        { keepdims: 0 },
      ),
    { k: tensor([1], [0.25]) },
    () => mean(each((score) => 1.25 * score * score)),
  ],
]

describe('losses', () => {
  it.each(cases)('%s: its value, and the gradients', async (_, loss, given, expected) => {
    const { loss: found } = await checkTraining(dense(), { loss }, { x, ...given })
    expect(found).toBeCloseTo(expected(), 10)
  })

  const distances = (first: string) =>
    model(
      [
        node('Sub', [first, 'wanted'], ['difference']),
        node('Abs', ['difference'], ['distance']),
        node('Mul', ['distance', 'twice'], ['z']),
        node('ReduceSum', ['z'], ['total'], { keepdims: 0 }),
      ],
      [value(first, 11, ['batch', outputs]), value('wanted', 11, ['batch', outputs])],
      [value('total', 11, [])],
      [realTensor('twice', [2], 11)],
    )

  it('a model that computes a loss, its inputs bound by name or by place', async () => {
    const expected = 2 * sum(each((score, i) => Math.abs(score - at(target, i))))
    for (const first of ['y', 'anything']) {
      for (const given of [distances(first), writeModel(distances(first))]) {
        const { loss } = await checkTraining(dense(), { loss: { model: given } }, { x, wanted: target })
        expect(loss).toBeCloseTo(expected, 10)
      }
    }
  })

  it('a model’s own first output, where none is given', async () => {
    const whole = forward(
      [node('MatMul', ['x', 'w'], ['y']), node('ReduceMean', ['y'], ['mine'], { keepdims: 1 })],
      { x: ['batch', inputs] },
      { w: drawn([inputs, outputs], 1) },
      { mine: [1, 1] },
    )
    const { gradients } = await checkTraining(whole, {}, { x })
    expect([...gradients.keys()]).toEqual(['w'])
  })

  it('refuses what does not go with the model, or makes no sense', async () => {
    const refused = (loss: Loss, reason: RegExp) =>
      expect(generateArtifacts(dense(), { loss })).rejects.toThrow(reason)
    await refused(crossEntropyLoss({ weight: [1, 2] }), /ERR_SHAPE.*4 classes and 2 weights/)
    await refused('hinge' as never, /ERR_OPTION.*cross-entropy, mse.*"hinge"/)
    await refused(() => 'y', /ERR_OPTION.*must return the name of a value that it has computed/)
    await refused(({ outputs: [y], emit }) => emit('Neg', [y]), /ERR_SHAPE.*one number.*\[batch, 4\]/)
    await expect(generateArtifacts(dense(), {})).rejects.toThrow(/ERR_SHAPE.*"y".*\[batch, 4\]/)
    expect(() => mseLoss({ reduction: 'none' as never })).toThrow(/'mean' or 'sum'.*"none"/)
    expect(() => crossEntropyLoss({ ignoreIndex: 0.5 })).toThrow(/ignoreIndex/)
    const old = model([node('Neg', ['y'], ['z'])], [value('y', 11, [])], [value('z', 11, [])], [], 13)
    await refused({ model: old }, /version 13 of ONNX's operators, the model 17/)
  })

  it.each([
    ['cross-entropy', 'Softmax'],
    ['bce-with-logits', 'Sigmoid'],
  ] as const)('%s is not put behind a %s of the model, but before it', async (loss, activation) => {
    const ended = dense()
    ended.graph.output[0]!.name = 'output'
    ended.graph.node.push(node(activation, ['y'], ['p']), node('Identity', ['p'], ['output']))
    await expect(generateArtifacts(ended, { loss })).rejects.toThrow(
      new RegExp(`ERR_OPTION: ${loss} .*"output" comes from one; .*outputNames: \\["y"\\]`),
    )
    const named = await generateArtifacts(ended, { loss, outputNames: ['y'] })
    const plain = await generateArtifacts(dense(), { loss })
    const operators = ({ trainModel }: typeof plain) =>
      readModel(trainModel).graph.node.map(({ opType }) => opType)
    expect(operators(named)).toEqual(operators(plain))
  })
})
