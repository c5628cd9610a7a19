import * as tf from '@tensorflow/tfjs'
import { adam, inducedMetric, rateFree } from '@induced-metric/core'
import { inducedOptimizer } from '@induced-metric/tfjs'
import { expect, it } from 'vitest'
import { describeModes } from './backends.js'
import { line, network, weightsOf } from './support.js'

const numbersOf = async (model: tf.LayersModel) => (await weightsOf(model)).flatMap((values) => [...values])

describeModes(({ options }) => {
  it('withEvaluationWeights evaluates with the averages and puts the weights back', async () => {
    const { x, y } = line(32)
    const model = network([3, 1], { inputs: 3 })
    const optimizer = inducedOptimizer(
      tf,
      inducedMetric(adam(), { learningRate: 0.1, averageWeights: 0 }),
      options,
    )
    model.compile({ optimizer, loss: 'meanSquaredError' })
    const after: number[][] = []
    const onBatchEnd = async () => void after.push(await numbersOf(model))
    await model.fit(x, y, { epochs: 1, batchSize: 8, shuffle: false, verbose: 0, callbacks: { onBatchEnd } })
    const mean = after[0]!.map((_, i) => after.reduce((sum, weights) => sum + weights[i]!, 0) / after.length)

    const tensors = tf.memory().numTensors
    const averaged = await optimizer.withEvaluationWeights(() => numbersOf(model))
    averaged.forEach((value, i) => expect(value).toBeCloseTo(mean[i]!, 5))
    expect(await numbersOf(model)).toEqual(after.at(-1))
    expect(tf.memory().numTensors).toBe(tensors)

    const held = optimizer.withEvaluationWeights(() => Promise.resolve())
    const step = () => optimizer.minimize(() => tf.losses.meanSquaredError(y, model.predict(x) as tf.Tensor))
    expect(step).toThrow(/ERR_OPTION.*withEvaluationWeights/)
    expect(() => optimizer.withEvaluationWeights(() => 1)).toThrow(/ERR_OPTION/)
    await held
    step()
    optimizer.dispose()
  })

  it('rateFree trains without a rate, by fit', async () => {
    const { x, y } = line(96)
    const model = network([1], { inputs: 3 })
    const optimizer = inducedOptimizer(tf, rateFree(adam(), { steps: 90 }), options)
    model.compile({ optimizer, loss: 'meanSquaredError' })
    const { history } = await model.fit(x, y, { epochs: 30, batchSize: 32, shuffle: false, verbose: 0 })
    const losses = history['loss'] as number[]
    expect(losses.at(-1)!).toBeLessThan(losses[0]! / 20)
  })
})
