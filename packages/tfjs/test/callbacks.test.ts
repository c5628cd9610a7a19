import * as tf from '@tensorflow/tfjs'
import { adam, inducedMetric, reduceOnPlateau, sgd } from '@induced-metric/core'
import {
  bestWeightsCallback,
  evaluationCallback,
  findLearningRate,
  inducedOptimizer,
  plateauCallback,
} from '@induced-metric/tfjs'
import { expect, it } from 'vitest'
import { describeModes } from './backends.js'
import { line, network, weightsOf } from './support.js'

const numbersOf = async (model: tf.LayersModel) => (await weightsOf(model)).flatMap((values) => [...values])
const lossOf = (model: tf.LayersModel, x: tf.Tensor, y: tf.Tensor) =>
  ([model.evaluate(x, y, { verbose: 0 })].flat()[0] as tf.Scalar).dataSync()[0]!

describeModes(({ options }) => {
  const compiled = (
    transformation = inducedMetric(adam(), { learningRate: 0.1, averageWeights: { ema: 0.9 } }),
  ) => {
    const model = network([3, 1], { inputs: 3 })
    const optimizer = inducedOptimizer(tf, transformation, options)
    model.compile({ optimizer, loss: 'meanSquaredError', metrics: ['mae'] })
    return { model, optimizer }
  }

  it('evaluationCallback evaluates with the average, for the history and the callbacks after it', async () => {
    const { x, y } = line(32)
    const { model, optimizer } = compiled()
    const expected: number[] = []
    const own: number[] = []
    const measure = {
      onEpochEnd: () => {
        expected.push(optimizer.withEvaluationWeights(() => lossOf(model, x, y)))
        own.push(lossOf(model, x, y))
      },
    }
    const plateau = reduceOnPlateau({ learningRate: 0.1, patience: 100 })
    const callbacks = [
      evaluationCallback(model, x, y, { batchSize: 16 }),
      plateauCallback(optimizer, plateau),
      measure,
    ] as tf.CustomCallbackArgs[]
    const { history } = await model.fit(x, y, {
      epochs: 3,
      batchSize: 8,
      shuffle: false,
      verbose: 0,
      callbacks,
    })
    const found = history['val_loss'] as number[]
    found.forEach((loss, i) => expect(loss).toBeCloseTo(expected[i]!, 5))
    expect(found[0]).not.toBeCloseTo(own[0]!, 5)
    expect(history['val_mae']).toHaveLength(3)
    expect(plateau.save().best).toBe(Math.min(...found))
    optimizer.dispose()
  })

  it('bestWeightsCallback gives the model the weights of the best epoch', async () => {
    const { x, y } = line(32)
    const { model, optimizer } = compiled(inducedMetric(sgd(), { learningRate: 0.1, xi: 0 }))
    const after: number[][] = []
    const losses: number[] = []
    const watch = {
      onEpochEnd: async () => {
        after.push(await numbersOf(model))
        losses.push(lossOf(model, x, y))
        // From the second epoch on it gets worse.
        if (after.length === 2) optimizer.learningRate = 3
      },
    }
    const best = bestWeightsCallback(model)
    await model.fit(x, y, {
      epochs: 4,
      shuffle: false,
      verbose: 0,
      validationData: [x, y],
      callbacks: [watch, best] as tf.CustomCallbackArgs[],
    })
    expect(best.best!.epoch).toBe(losses.indexOf(Math.min(...losses)))
    expect(best.best!.epoch).toBeLessThan(3)
    expect(await numbersOf(model)).toEqual(after[best.best!.epoch])
    const tensors = tf.memory().numTensors
    best.onTrainBegin()
    expect(best.best).toBeUndefined()
    for (const [epoch, val_loss] of [3, NaN, 2, 4].entries()) best.onEpochEnd(epoch, { val_loss })
    expect(best.best).toEqual({ value: 2, epoch: 2 })
    best.onTrainEnd()
    expect(tf.memory().numTensors).toBe(tensors)
    optimizer.dispose()
  })

  it('bestWeightsCallback keeps the weights to evaluate with where it is told to', async () => {
    const { x, y } = line(32)
    const { model, optimizer } = compiled()
    const best = bestWeightsCallback(model, { evaluationWeights: true, monitor: 'loss' })
    let averages: number[] = []
    const watch = { onEpochEnd: () => void (averages = optimizer.withEvaluationWeights(() => flat(model))) }
    const flat = (one: tf.LayersModel) => one.getWeights().flatMap((weight) => [...weight.dataSync()])
    await model.fit(x, y, {
      epochs: 1,
      batchSize: 8,
      verbose: 0,
      callbacks: [watch, best] as tf.CustomCallbackArgs[],
    })
    expect(flat(model)).toEqual(averages)
    await expect(
      model.fit(x, y, {
        epochs: 1,
        verbose: 0,
        callbacks: bestWeightsCallback(model) as tf.CustomCallbackArgs,
      }),
    ).rejects.toThrow(/bestWeightsCallback: fit reports no val_loss/)
    optimizer.dispose()
  })

  it('findLearningRate sweeps rates, and puts weights and state back, bit for bit', async () => {
    const { x, y } = line(32)
    const { model, optimizer } = compiled()
    await model.fit(x, y, { epochs: 1, verbose: 0 })
    const [weights, state] = [await numbersOf(model), await optimizer.save()]
    const tensors = tf.memory().numTensors
    const train = () => model.trainOnBatch(x, y) as Promise<number[]>
    const found = await findLearningRate(model, train, { from: 1e-4, to: 100, steps: 30 })
    expect(found.best.points.length).toBeGreaterThan(10)
    expect(new Set(found.best.points.map(({ loss }) => loss)).size).toBeGreaterThan(5)
    expect(await numbersOf(model)).toEqual(weights)
    expect(await optimizer.save()).toEqual(state)
    expect(optimizer.learningRate).toBe(0.1)
    expect(tf.memory().numTensors).toBeLessThanOrEqual(tensors)
    optimizer.dispose()
  })

  it('says so where the model has another optimiser', async () => {
    const model = network([1], { inputs: 3 })
    model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' })
    await expect(findLearningRate(model, () => 1)).rejects.toThrow(/ERR_OPTION.*inducedOptimizer/)
    const { x, y } = line(4)
    expect(() => evaluationCallback(model, x, y)).toThrow(/ERR_OPTION.*inducedOptimizer/)
    expect(() => bestWeightsCallback(model, { evaluationWeights: true })).toThrow(/ERR_OPTION/)
    expect(() => bestWeightsCallback(model, { mode: 'most' as never })).toThrow(/ERR_OPTION.*mode/)
  })

  it('says so where something is missing', async () => {
    const { model } = compiled(inducedMetric(adam(), { learningRate: 0.1 }))
    const { x } = line(4)
    const missing = undefined as never
    expect(() => evaluationCallback(undefined as unknown as typeof model, x, x)).toThrow(
      /ERR_OPTION: evaluationCallback: compile the model/,
    )
    expect(() => evaluationCallback(model, x, missing)).toThrow(
      /ERR_OPTION: .*\(model, x, y\).* and undefined/,
    )
    await expect(findLearningRate(missing, () => 1)).rejects.toThrow(/ERR_OPTION: findLearningRate: compile/)
    const weights = await numbersOf(model)
    await expect(findLearningRate(model, missing)).rejects.toThrow(/ERR_OPTION: .* a function that trains/)
    await expect(findLearningRate(model, (() => {}) as never)).rejects.toThrow(
      /ERR_OPTION: .* must return the loss, a number; returned undefined/,
    )
    expect(await numbersOf(model)).toEqual(weights)
  })

  it('accumulates gradients over the batches of fit, and a checkpoint in the middle loses nothing', async () => {
    const { x, y } = line(32)
    const transformation = inducedMetric(adam(), { learningRate: 0.1, accumulate: 4 })
    const { model, optimizer } = compiled(transformation)
    const plain = compiled(inducedMetric(adam(), { learningRate: 0.1 }))
    plain.model.setWeights(model.getWeights())
    const fit = (one: tf.LayersModel, batchSize: number, epochs: number) =>
      one.fit(x, y, { epochs, batchSize, shuffle: false, verbose: 0 })
    await fit(model, 8, 3)
    await fit(plain.model, 32, 3)
    expect(optimizer.iterations).toBe(3)
    const [a, b] = [await numbersOf(model), await numbersOf(plain.model)]
    a.forEach((value, i) => expect(value).toBeCloseTo(b[i]!, 4))

    const quarter = [x.slice(0, 8), y.slice(0, 8)] as const
    await model.trainOnBatch(...quarter)
    const report = await optimizer.report()
    expect(report).toMatchObject({ step: 3, accumulated: 1, skipped: false })
    const saved = await optimizer.save()
    expect(saved.accumulated!.calls).toBe(1)
    const twin = compiled(transformation)
    twin.model.setWeights(model.getWeights())
    twin.optimizer.load(saved)
    for (const one of [model, twin.model]) for (let i = 0; i < 3; i++) await one.trainOnBatch(...quarter)
    expect(twin.optimizer.iterations).toBe(4)
    expect(await numbersOf(twin.model)).toEqual(await numbersOf(model))
    for (const one of [optimizer, twin.optimizer, plain.optimizer]) one.dispose()
  })
})
