import { adam, inducedMetric, root } from '@induced-metric/core'
import { createRandom } from '@induced-metric/example-mnist'
import { TrainingSession } from '@induced-metric/onnxruntime'
import { generateArtifacts } from '@induced-metric/onnxruntime/artifacts'
import { lenet, mlp } from '@induced-metric/onnxruntime/models'
import * as tf from '@tensorflow/tfjs'
import { expect, test } from 'vitest'

import { createTrainingModel, imageEncoding, tableEncoding } from '../src/index.js'
import { dataset, disco, exhaust, mean, trainRounds } from './standIn.js'

type Row = readonly [readonly number[], number]

/** Points of the plane, in the class of the nearest of three corners; a participant sees mostly one class. */
function drawRows(count: number, seed: number, favourite?: number): Row[] {
  const random = createRandom(seed)
  const rows: Row[] = []
  while (rows.length < count) {
    const point = [2 * random() - 1, 2 * random() - 1] as const
    const distances = [
      Math.hypot(point[0] - 1, point[1]),
      Math.hypot(point[0] + 1, point[1] - 1),
      Math.hypot(point[0] + 1, point[1] + 1),
    ]
    const label = distances.indexOf(Math.min(...distances))
    if (favourite === undefined || label === favourite || random() < 0.4) rows.push([point, label])
  }
  return rows
}

async function createModel(additionalOutputs: readonly string[] = ['output']) {
  const artifacts = await generateArtifacts(mlp({ sizes: [2, 16, 3], seed: 1 }), {
    loss: 'cross-entropy',
    additionalOutputs,
  })
  const optimizer = inducedMetric(adam(), { learningRate: 1, xi: 'rate', embedding: root() })
  const session = await TrainingSession.create({ ...artifacts, optimizer })
  return { session, model: () => createTrainingModel({ disco, session, encoding: tableEncoding() }) }
}

const valuesOf = (model: { readonly weights: { readonly weights: tf.Tensor[] } }): number[][] =>
  model.weights.weights.map((weight) => [...weight.dataSync()])

test('participants with different data learn together', async () => {
  const models = await Promise.all([0, 1, 2].map(async () => (await createModel()).model()))
  const participants = models.map((model, place) => ({
    model,
    training: dataset(drawRows(160, place, place), 32),
  }))
  const validation = dataset(drawRows(300, 9), 100)
  const before = await models[0]!.evaluate(validation)
  const logs = await trainRounds(participants, validation, 12)
  const after = await models[0]!.evaluate(validation)
  expect(before.accuracy).toBeLessThan(0.6)
  expect(after.accuracy).toBeGreaterThan(0.93)
  expect(after.loss).toBeLessThan(0.5 * before.loss)
  for (const { batches, epochTime, validation: found } of logs) {
    expect(batches.map(({ batch }) => batch)).toEqual([0, 1, 2, 3, 4])
    expect(batches[0]!.memoryUsage).toBeCloseTo((2 * 4 * (2 * 16 + 16 + 16 * 3 + 3)) / 1024 ** 3, 12)
    expect(epochTime).toBeGreaterThan(0)
    expect(found!.accuracy).toBeGreaterThan(0.5)
  }
  // All have the network's weights now.
  expect(valuesOf(models[1]!)).toEqual(valuesOf(models[0]!))
  const rows = drawRows(50, 10)
  const predicted = [...(await models[0]!.predict(rows.map(([row]) => row)))]
  expect(predicted.filter((label, place) => label === rows[place]![1]).length).toBeGreaterThan(44)
  for (const model of models) model.dispose()
})

test('the optimiser is kept when weights are set', async () => {
  const training = dataset(drawRows(96, 3), 32)
  const [whole, inRounds] = await Promise.all([createModel(), createModel()])
  const one = whole.model()
  const other = inRounds.model()
  const epochOf = (model: typeof one) => exhaust(model.train(training))
  for (let epoch = 0; epoch < 4; epoch++) await epochOf(one)
  for (let round = 0; round < 4; round++) {
    await epochOf(other)
    // A network of one participant gives back its own weights.
    other.weights = mean([other.weights])
  }
  expect(valuesOf(other)).toEqual(valuesOf(one))
  expect(inRounds.session.report.step).toBe(12)

  // With an optimiser that starts anew in each round the weights are others.
  const fresh = await createModel()
  const third = fresh.model()
  for (let round = 0; round < 4; round++) {
    fresh.session.resetOptimizer()
    await epochOf(third)
  }
  expect(valuesOf(third)).not.toEqual(valuesOf(one))
  for (const model of [one, other, third]) model.dispose()
})

test('weights that do not fit leave the model as it was', async () => {
  const { model: create } = await createModel()
  const model = create()
  const before = valuesOf(model)
  const { weights } = model.weights
  expect(() => (model.weights = { weights: weights.slice(1) })).toThrow(
    /The model has 4 weights \(.*\), given 3\./,
  )
  const wrong = weights.map((weight, place) => (place === 3 ? tf.zeros([4]) : tf.onesLike(weight)))
  expect(() => (model.weights = { weights: wrong })).toThrow('has the shape [3], given [4].')
  expect(valuesOf(model)).toEqual(before)
  // What is read is a copy.
  const ones = weights.map((weight) => tf.onesLike(weight))
  model.weights = { weights: ones }
  expect([...weights[0]!.dataSync()]).toEqual(before[0])
  expect(
    valuesOf(model)
      .flat()
      .every((value) => value === 1),
  ).toBe(true)
  model.dispose()
  model.dispose()
})

test('a pass can be stopped between batches, and a batch with NaN changes nothing', async () => {
  const { session, model: create } = await createModel()
  const model = create()
  const epoch = model.train(dataset(drawRows(96, 3), 32))
  await epoch.next()
  await epoch.return({ batches: [], epochTime: 0, validation: undefined })
  expect(session.report.step).toBe(1)
  const before = valuesOf(model)
  const broken = model.train(dataset<Row>([[[NaN, 0], 1]], 1))
  await expect(broken.next()).rejects.toThrow('The loss of the batch is NaN')
  expect(valuesOf(model)).toEqual(before)
  await expect(model.evaluate(dataset<Row>([], 1))).rejects.toThrow('There is no validation example.')
  model[Symbol.dispose]()
})

test('artifacts without the logits are refused', async () => {
  const { model } = await createModel([])
  expect(model).toThrow(/no output "output", only .*additionalOutputs: \["output"\]/)
})

test('pictures train a convolutional network', async () => {
  const artifacts = await generateArtifacts(lenet({ channels: 3, size: 12, classes: 2, seed: 2 }), {
    loss: 'cross-entropy',
    additionalOutputs: ['output'],
  })
  const optimizer = inducedMetric(adam(), { learningRate: 0.003, xi: 0 })
  const session = await TrainingSession.create({ ...artifacts, optimizer })
  const model = createTrainingModel({ disco, session, encoding: imageEncoding() })
  // Red on the left, or blue on the right: both the channels and the places matter.
  const random = createRandom(4)
  const pictures = Array.from({ length: 64 }, (_, index) => {
    const label = index % 2
    const data = Float32Array.from({ length: 12 * 12 * 3 }, (_, value) => {
      const [x, channel] = [Math.floor(value / 3) % 12, value % 3]
      return 0.3 * random() + (label === 0 ? Number(channel === 0 && x < 6) : Number(channel === 2 && x >= 6))
    })
    return [{ width: 12, height: 12, data }, label] as const
  })
  for (let epoch = 0; epoch < 6; epoch++) await exhaust(model.train(dataset(pictures, 16)))
  expect((await model.evaluate(dataset(pictures, 64))).accuracy).toBe(1)
  const small = { width: 11, height: 12, data: new Float32Array(396) }
  await expect(model.predict([pictures[0]![0], small])).rejects.toThrow(
    'Pictures of a batch have one size, given 12 × 12 and 11 × 12.',
  )
  model.dispose()
})
