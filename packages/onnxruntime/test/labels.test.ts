import * as ort from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { crossEntropyLoss, generateArtifacts, type GenerateOptions, type Loss } from '../src/artifacts.js'
import { TrainingSession } from '../src/session/trainingSession.js'
import {
  createModel,
  createNode as node,
  createValue as value,
  dataType,
  int64Tensor,
  writeModel,
  type Model,
  type NodeProto,
} from '@induced-metric/onnx/proto'
import { drawn, tensor, type Tensor } from '../../onnx/test/gradients/harness.js'
import { checkSession, feedsOf, forward, startTraining } from './artifacts/training.js'
import { denseArtifacts } from '../../onnx/test/builder.js'
import { isInstalled, startGenuine } from '../../onnx/test/genuine/runtime.js'

// Labels that are not a class: by default −1 is ignored, as in the genuine kernel; others are refused before anything
// has changed.

const { double, float, int32, int64 } = dataType
const classes = 3

const dense = (type: number = double): Model =>
  forward(
    [node('MatMul', ['x', 'w'], ['y'])],
    { x: ['batch', 4] },
    { w: drawn([4, classes], 1, { type }) },
    { y: ['batch', classes] },
    { type },
  )
/** Scores of [batch, classes, positions]. */
const tokens = (): Model =>
  forward(
    [node('MatMul', ['w', 'x'], ['y'])],
    { x: ['batch', 4, 'positions'] },
    { w: drawn([classes, 4], 1) },
    { y: ['batch', classes, 'positions'] },
  )
const x = drawn([4, 4], 2)
const labelsOf = (given: readonly number[], type: number = int64, dims = [given.length]): Tensor =>
  tensor(dims, given, type)

/** The mean of −log softmax(x·w)[label] over the labels that count. */
function expected(labels: readonly number[], ignored: number, weight?: readonly number[]): number {
  const w = drawn([4, classes], 1).data as Float64Array
  let [sum, total] = [0, 0]
  labels.forEach((label, row) => {
    if (label === ignored) return
    const scores = [0, 1, 2].map((column) =>
      [0, 1, 2, 3].reduce((dot, i) => dot + Number(x.data[row * 4 + i]) * w[i * classes + column]!, 0),
    )
    const normal = Math.log(scores.reduce((all, score) => all + Math.exp(score), 0))
    const factor = weight?.[label] ?? 1
    sum += factor * (normal - scores[label]!)
    total += factor
  })
  return total === 0 ? 0 : sum / total
}

describe('labels of −1 count for nothing', () => {
  it.each([
    ['int64', int64, undefined],
    ['int32', int32, undefined],
    ['int64 with weights of the classes', int64, [0.5, 2, 0.25]],
  ] as const)('as %s: the loss, in eval, too, and the gradients', async (_, type, weight) => {
    const loss = crossEntropyLoss({
      labelType: type === int64 ? 'int64' : 'int32',
      ...(weight && { weight }),
    })
    for (const labels of [
      [0, -1, 2, 1],
      [-1, -1, 2, -1],
      [-1, -1, -1, -1],
      [2, 1, 0, 0],
    ]) {
      const session = await startTraining(dense(), { loss })
      const found = await checkSession(session, { x, labels: labelsOf(labels, type) })
      expect(found.loss).toBeCloseTo(expected(labels, -1, weight), 12)
      await session.release()
    }
  })

  it('in artifacts of others', async () => {
    const session = await TrainingSession.create({ ...denseArtifacts([4, 5, 3]), ort })
    const feeds = (labels: readonly number[], rows: number): Record<string, ort.Tensor> =>
      feedsOf({ x: drawn([rows, 4], 2, { type: float }), labels: labelsOf(labels) })
    const losses: number[] = []
    for (const run of ['runTrainStep', 'runEvalStep'] as const) {
      for (const given of [feeds([0, 1, -1], 3), feeds([0, 1], 2)]) {
        losses.push(((await session[run](given))['loss']!.data as Float32Array)[0]!)
      }
    }
    for (const loss of losses) expect(loss).toBeCloseTo(losses[0]!, 6)
    await session.release()
  })

  it.skipIf(!isInstalled)('as in the genuine kernel', async () => {
    const genuine = await startGenuine()
    const names = ['loss', 'log_prob']
    const alone = createModel({
      nodes: [node('SoftmaxCrossEntropyLoss', ['y', 'labels'], names)],
      inputs: [value('y', float, [4, 3]), value('labels', int64, [4])],
      outputs: names.map((name) => value(name, float)),
    })
    const session = await startTraining(dense(float), { loss: 'cross-entropy', additionalOutputs: ['y'] })
    for (const given of [
      [0, -1, 2, 1],
      [-1, -1, -1, -1],
    ]) {
      const labels = labelsOf(given)
      const mine = await session.runTrainStep(feedsOf({ x: drawn([4, 4], 2, { type: float }), labels }))
      const y = { dims: [4, 3], dataType: float, data: mine['y']!.data as Float32Array }
      const theirs = await genuine.infer(writeModel(alone), { y, labels })
      expect((mine['loss']!.data as Float32Array)[0]).toBeCloseTo(
        (theirs['loss']!.data as Float32Array)[0]!,
        6,
      )
    }
    await session.release()
  })
})

/** Everything that a step could change. */
const stateOf = (session: TrainingSession): unknown =>
  structuredClone([[...session.gradients], [...session.parameters]])

/** Checks that steps with labels are refused and change nothing. */
async function refuses(
  model: Model,
  options: GenerateOptions,
  good: Record<string, Tensor>,
  bad: readonly (readonly [Record<string, Tensor>, RegExp])[],
): Promise<void> {
  const session = await startTraining(model, options)
  const steps = [
    () => session.runTrainStep(feedsOf(good)),
    () => session.runTrainStep(feedsOf(good)),
    () => session.lazyResetGrad(),
  ]
  const refuse = async (): Promise<void> => {
    const before = stateOf(session)
    for (const [given, reason] of bad) {
      for (const run of ['runTrainStep', 'runEvalStep'] as const) {
        await expect(session[run](feedsOf({ ...good, ...given }))).rejects.toThrow(reason)
        await expect(session[run](feedsOf({ ...good, ...given }))).rejects.toMatchObject({
          code: 'ERR_OPTION',
        })
      }
    }
    expect(stateOf(session)).toEqual(before)
  }
  await refuse()
  for (const step of steps) {
    await step()
    await refuse()
  }
  await session.release()
}

describe('labels that are no class are refused, and nothing has changed:', () => {
  const good = { x, labels: labelsOf([0, 1, 2, 0]) }
  const cases = (type: number, others: readonly number[]): [Record<string, Tensor>, RegExp][] =>
    others.map((label) => [
      { labels: labelsOf([0, 1, label, 0], type) },
      new RegExp(
        `ERR_OPTION: run.*input "labels" holds the label ${label} \\(element 2\\): labels must be from 0 to 2`,
      ),
    ])

  it('of int64, halves of which would be classes', () =>
    refuses(
      dense(),
      { loss: 'cross-entropy' },
      good,
      cases(int64, [3, -2, -100, 2 ** 32, 2 ** 32 + 1, -(2 ** 32)]),
    ))

  it('of int32', () =>
    refuses(
      dense(),
      { loss: crossEntropyLoss({ labelType: 'int32' }) },
      { x, labels: labelsOf([0, 1, 2, 0], int32) },
      cases(int32, [3, -2, -100]),
    ))

  it('where another label is left out, −1 among them', async () => {
    const loss = crossEntropyLoss({ ignoreIndex: -100 })
    await refuses(dense(), { loss }, good, cases(int64, [-1, 3, -99]))
    const session = await startTraining(dense(), { loss })
    const found = await checkSession(session, { x, labels: labelsOf([0, -100, 2, -100]) })
    expect(found.loss).toBeCloseTo(expected([0, -100, 2, -100], -100), 12)
    await session.release()
  })

  it('where a class is left out', async () => {
    const loss = crossEntropyLoss({ ignoreIndex: 1 })
    await refuses(dense(), { loss }, good, cases(int64, [-1, 3]))
    const session = await startTraining(dense(), { loss })
    const found = await checkSession(session, { x, labels: labelsOf([0, 1, 2, 1]) })
    expect(found.loss).toBeCloseTo(expected([0, 1, 2, 1], 1), 12)
    await session.release()
  })

  it('one for each position', () =>
    refuses(
      tokens(),
      { loss: 'cross-entropy' },
      { x: drawn([2, 4, 3], 2), labels: labelsOf([0, 1, 2, 0, -1, 1], int64, [2, 3]) },
      [
        [
          { labels: labelsOf([0, 1, 2, 0, -1, 7], int64, [2, 3]) },
          /ERR_OPTION.*"labels" holds the label 7 \(element 5\): labels must be from 0 to 2, or -1 to be ignored/,
        ],
      ],
    ))

  const through = (nodes: readonly NodeProto[]): Loss => {
    return ({ outputs: [scores], input, emit, emitAll, fresh, constant }) => {
      const given = input('ids', int64, ['rows', 'columns'])
      let labels = given
      for (const { opType, input: names, attribute } of nodes) {
        const others = names.slice(1).map((name) => constant(int64Tensor(name, name.split(',').map(Number))))
        const to = attribute.find(({ name }) => name === 'to')
        labels = emit(opType, [labels, ...others], to ? { to: Number(to.i) } : {})
      }
      const loss = fresh('loss')
      emitAll('SoftmaxCrossEntropyLoss', [scores, labels], {}, [loss, fresh('log_prob')])
      return loss
    }
  }

  it('handed on by nodes', () =>
    refuses(
      dense(),
      { loss: through([node('Cast', ['ids'], ['c'], { to: int32 }), node('Reshape', ['c', '-1'], ['r'])]) },
      { x, ids: labelsOf([0, 1, 2, 0], int64, [2, 2]) },
      [
        [
          { ids: labelsOf([0, 1, 2, 4], int64, [2, 2]) },
          /ERR_OPTION.*input "ids" holds the label 4 \(element 3\)/,
        ],
      ],
    ))

  it('computed by nodes, of which only those that are taken matter', async () => {
    const loss = through([node('Slice', ['ids', '1', '3', '1'], ['s']), node('Reshape', ['s', '-1'], ['r'])])
    const ids = (given: readonly number[]): Tensor => labelsOf(given, int64, [2, 3])
    const scores = { x: drawn([4, 4], 2) }
    await refuses(dense(), { loss }, { ...scores, ids: ids([-100, 1, 2, 9, 0, 1]) }, [
      [{ ids: ids([0, 1, 2, 0, 5, 1]) }, /ERR_OPTION.*the value .* holds the label 5 \(element 2\)/],
    ])
  })

  it('fed as numbers of another type', () =>
    refuses(
      dense(),
      {
        loss: ({ outputs: [scores], input, emit, emitAll, fresh }) => {
          const loss = fresh('loss')
          const labels = emit('Cast', [input('labels', double, ['batch'])], { to: int64 })
          emitAll('SoftmaxCrossEntropyLoss', [scores, labels], {}, [loss, fresh('log_prob')])
          return loss
        },
      },
      { x, labels: labelsOf([0, 1, 2, -1], double) },
      [
        [
          { labels: labelsOf([0, 1, 2, -2], double) },
          /ERR_OPTION.*the value .* holds the label -2 \(element 3\)/,
        ],
      ],
    ))

  it('of NegativeLogLikelihoodLoss, to which −1 is no class either', () =>
    refuses(
      dense(),
      {
        loss: ({ outputs: [scores], input, emit }) =>
          emit('NegativeLogLikelihoodLoss', [
            emit('LogSoftmax', [scores], { axis: 1 }),
            input('labels', int64, ['batch']),
          ]),
      },
      good,
      cases(int64, [-1, 3]),
    ))
})

describe('batch normalisation of one value for each channel', () => {
  const normalized = (input: readonly (number | string)[] = ['batch', 4]): Model =>
    forward(
      [
        node('MatMul', ['x', 'w'], ['h']),
        node('BatchNormalization', ['h', 'scale', 'shift', 'mean', 'variance'], ['y']),
      ],
      { x: input },
      {
        w: drawn([4, 3], 1),
        scale: drawn([3], 3, { low: 0.5, high: 2 }),
        shift: drawn([3], 4),
        mean: drawn([3], 5),
        variance: drawn([3], 6, { low: 0.5, high: 2 }),
      },
      { y: [input[0]!, 3] },
    )
  const feeds = (batch: number): Record<string, Tensor> => ({
    x: drawn([batch, 4], 2),
    target: drawn([batch, 3], 7),
  })

  it('is refused where it is to learn, and nothing has changed', async () => {
    const session = await startTraining(normalized(), { loss: 'mse' })
    await session.runTrainStep(feedsOf(feeds(2)))
    const before = stateOf(session)
    await expect(session.runTrainStep(feedsOf(feeds(1)))).rejects.toThrow(
      /ERR_SHAPE: runTrainStep: a batch normalisation has one value for each channel, "h" of \[1, 3\].*more than one example/,
    )
    expect(stateOf(session)).toEqual(before)
    await session.runEvalStep(feedsOf(feeds(1)))
    await session.release()
  })

  it('is refused where the model fixes it, unless the batch is freed, or it learns from the running statistics', async () => {
    await expect(
      generateArtifacts(normalized([1, 4]), { loss: 'mse', batchNormalization: 'training' }),
    ).rejects.toThrow(
      /ERR_SHAPE: generateArtifacts: a batch normalisation has one value.*inputs: \{ x: \['batch'/,
    )
    const freed = await startTraining(normalized([1, 4]), { loss: 'mse', inputs: { x: ['batch', 4] } })
    await checkGradientsOf(freed, feeds(3))
    for (const batchNormalization of ['inference', undefined] as const) {
      const still = await startTraining(normalized([1, 4]), {
        loss: 'mse',
        ...(batchNormalization && { batchNormalization }),
      })
      await checkSession(still, feeds(1))
      await still.release()
    }
  })

  async function checkGradientsOf(session: TrainingSession, inputs: Record<string, Tensor>): Promise<void> {
    await session.runTrainStep(feedsOf(inputs))
    expect(session.gradients.get('w')!.data.some((found) => found !== 0)).toBe(true)
    await session.release()
  }

  it('of an image is none, if it has positions', async () => {
    const real = (dims: readonly number[], seed: number, low = -2): Tensor =>
      drawn(dims, seed, { low, high: 2, type: float })
    const model = forward(
      [
        node('BatchNormalization', ['x', 'scale', 'shift', 'mean', 'variance'], ['n']),
        node('Conv', ['n', 'w'], ['h'], { kernel_shape: [1, 1] }),
        node('GlobalAveragePool', ['h'], ['y']),
      ],
      { x: ['batch', 2, 'height', 'width'] },
      {
        w: real([3, 2, 1, 1], 1),
        scale: real([2], 3),
        shift: real([2], 4),
        mean: real([2], 5),
        variance: real([2], 6, 0.5),
      },
      { y: ['batch', 3, 1, 1] },
      { type: float },
    )
    const session = await startTraining(model, { loss: 'mse' })
    const image = (height: number): Record<string, Tensor> => ({
      x: real([1, 2, height, 1], 2),
      target: real([1, 3, 1, 1], 3),
    })
    await session.runTrainStep(feedsOf(image(2)))
    await expect(session.runTrainStep(feedsOf(image(1)))).rejects.toThrow(
      /ERR_SHAPE.*one value for each channel/,
    )
    await session.release()
  })
})
