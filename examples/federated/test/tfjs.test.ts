import { adam, inducedMetric, root } from '@induced-metric/core'
import { createRandom } from '@induced-metric/example-mnist'
import { inducedOptimizer, registerInducedOptimizer } from '@induced-metric/tfjs'
import * as tf from '@tensorflow/tfjs'
import { beforeAll, expect, test } from 'vitest'

import { mean } from './standIn.js'

// The recipe of docs/federated.md for DISCO's models of TensorFlow.js, which are made of a compiled `LayersModel`.

beforeAll(() => tf.setBackend('cpu'))

const transformation = inducedMetric(adam(), { learningRate: 1, xi: 'rate', embedding: root() })

function createModel(): tf.LayersModel {
  const model = tf.sequential({
    layers: [
      tf.layers.dense({
        units: 8,
        activation: 'tanh',
        inputShape: [2],
        kernelInitializer: tf.initializers.glorotNormal({ seed: 1 }),
      }),
      tf.layers.dense({
        units: 2,
        activation: 'softmax',
        kernelInitializer: tf.initializers.glorotNormal({ seed: 2 }),
      }),
    ],
  })
  model.compile({
    optimizer: inducedOptimizer(tf, transformation),
    loss: 'categoricalCrossentropy',
    metrics: ['accuracy'],
  })
  return model
}

function drawData(seed: number): { xs: tf.Tensor2D; ys: tf.Tensor } {
  const random = createRandom(seed)
  const points = Array.from({ length: 64 }, () => [2 * random() - 1, 2 * random() - 1])
  const labels = tf.tensor1d(
    points.map(([x, y]) => Number(x! * y! > 0)),
    'int32',
  )
  return { xs: tf.tensor2d(points), ys: tf.oneHot(labels, 2) }
}

/** As DISCO saves a model for the participants: with its optimiser. */
async function artifactsOf(model: tf.LayersModel): Promise<tf.io.ModelArtifacts> {
  return new Promise((resolve, reject) => {
    const save = async (artifacts: tf.io.ModelArtifacts) => {
      resolve(artifacts)
      return Promise.resolve({
        modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' as const },
      })
    }
    model.save({ save }, { includeOptimizer: true }).catch(reject)
  })
}

async function train(model: tf.LayersModel, { xs, ys }: ReturnType<typeof drawData>): Promise<void> {
  for (let batch = 0; batch < 5; batch++)
    await model.fit(xs, ys, { epochs: 1, verbose: 0, shuffle: false, batchSize: 64 })
}

const valuesOf = (model: tf.LayersModel): number[][] =>
  model.getWeights().map((weight) => [...weight.dataSync()])
const stepsOf = (model: tf.LayersModel) => model.optimizer.iterations

test('a participant that has created no such optimiser loads a model with one', async () => {
  registerInducedOptimizer(tf)
  const sent = createModel()
  const data = drawData(0)
  await train(sent, data)
  const received = await tf.loadLayersModel({ load: async () => artifactsOf(sent) })
  expect(valuesOf(received)).toEqual(valuesOf(sent))
  // It goes on with the momentum of the one that was sent.
  await train(sent, data)
  await train(received, data)
  expect(valuesOf(received)).toEqual(valuesOf(sent))
})

test('rounds keep each participant’s optimiser', async () => {
  const models = [createModel(), createModel()]
  const data = [drawData(1), drawData(2)]
  const validation = drawData(3)
  const lossOf = (model: tf.LayersModel) =>
    (model.evaluate(validation.xs, validation.ys) as tf.Scalar[])[0]!.dataSync()[0]!
  const before = lossOf(models[0]!)
  for (let round = 0; round < 12; round++) {
    for (const [place, model] of models.entries()) await train(model, data[place]!)
    const network = mean(models.map((model) => ({ weights: model.getWeights() })))
    for (const model of models) model.setWeights(network.weights)
  }
  expect(models.map(stepsOf)).toEqual([60, 60])
  expect(valuesOf(models[1]!)).toEqual(valuesOf(models[0]!))
  expect(lossOf(models[0]!)).toBeLessThan(0.5 * before)
})
