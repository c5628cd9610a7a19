import * as tf from '@tensorflow/tfjs'
import { adam, cosine, encodeCheckpoint, inducedMetric, type Transformation } from '@induced-metric/core'
import { inducedOptimizer } from '@induced-metric/tfjs'
import { describe, expect, it } from 'vitest'
import { describeModes } from './backends.js'
import { line, network, variablesOf, weightsOf } from './support.js'

describeModes(({ options }) => {
  describe('the learning rate', () => {
    const schedule = cosine({ from: 0.1, steps: 12 })
    const make = (learningRate: Parameters<typeof inducedMetric>[1]['learningRate']): Transformation =>
      inducedMetric(adam(), { learningRate, xi: 1, weightDecay: 0.1 })

    it('is that of the next step, and takes effect in the middle of fit when it is set', async () => {
      const { x, y } = line(32)
      const run = async (transformation: Transformation, sets: boolean) => {
        const model = network([3, 1], { inputs: 3 })
        const optimizer = inducedOptimizer(tf, transformation, options)
        model.compile({ optimizer, loss: 'meanSquaredError' })
        const rates: number[] = []
        const onBatchEnd = (): void => {
          rates.push(optimizer.learningRate)
          if (sets && rates.length === 3) optimizer.learningRate = 0.02
          if (sets && rates.length === 5) optimizer.learningRate = 0
        }
        await model.fit(x, y, {
          epochs: 2,
          batchSize: 8,
          shuffle: false,
          verbose: 0,
          callbacks: { onBatchEnd },
        })
        return { weights: await weightsOf(model), rates, report: await optimizer.report() }
      }
      const expected = await run(
        make((step) => (step <= 3 ? schedule(step) : step <= 5 ? 0.02 : 0)),
        false,
      )
      const got = await run(make(schedule), true)
      expect(got.weights).toEqual(expected.weights)
      expect(got.rates).toEqual([schedule(2), schedule(3), schedule(4), 0.02, 0.02, 0, 0, 0])
      expect(got.report).toEqual(expected.report)
      expect(got.report.learningRate).toBe(0)
    })

    it('is saved where it was set, and nowhere else', async () => {
      const model = network([1], { inputs: 3 })
      const variables = variablesOf(model)
      const { x, y } = line(8)
      const loss = (): tf.Scalar => tf.losses.meanSquaredError(y, model.predict(x) as tf.Tensor)
      const optimizer = inducedOptimizer(tf, make(schedule), options)
      optimizer.minimize(loss, false, variables)
      const before = await optimizer.save()
      expect('learningRate' in before).toBe(false)
      optimizer.learningRate = 0.25
      const after = await optimizer.save()
      expect(after.learningRate).toBe(0.25)

      const other = inducedOptimizer(tf, make(schedule), options)
      other.load(encodeCheckpoint(after))
      expect(other.learningRate).toBe(0.25)
      other.minimize(loss, false, variables)
      expect((await other.report()).learningRate).toBe(0.25)
      // As TensorFlow.js saves it with a model.
      const third = inducedOptimizer(tf, make(schedule), options)
      await third.setWeights(await other.getWeights())
      expect(third.learningRate).toBe(0.25)
      third.load(before)
      expect(third.learningRate).toBe(schedule(2))
    })

    it.each([NaN, -1, Infinity, '0.1', undefined])('cannot be set to %s', (value) => {
      const optimizer = inducedOptimizer(tf, make(0.1), options)
      const set = (): void => void (optimizer.learningRate = value as number)
      expect(set).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }))
      expect(optimizer.learningRate).toBe(0.1)
      optimizer.dispose()
      expect(() => (optimizer.learningRate = 1)).toThrow(expect.objectContaining({ code: 'ERR_DISPOSED' }))
    })
  })
})
