import * as tf from '@tensorflow/tfjs'
import { adam, cosine, inducedMetric, rateFree } from '@induced-metric/core'
import { inducedOptimizer } from '@induced-metric/tfjs'
import { describe, expect, it } from 'vitest'
import { describeModes } from './backends.js'
import { line, memory, network, weightsOf } from './support.js'

describeModes(({ options }) => {
  describe('reset', () => {
    const transformation = inducedMetric(adam(), {
      learningRate: cosine({ from: 0.1, steps: 12 }),
      xi: 1,
      weightDecay: 0.1,
    })
    const fitOptions = { epochs: 2, batchSize: 8, shuffle: false, verbose: 0 } as const

    it('makes a compiled model train as with a new optimiser', async () => {
      const { x, y } = line(32)
      const [model, other] = [network([3, 1], { inputs: 3 }), network([3, 1], { inputs: 3, seed: 2 })]
      const optimizer = inducedOptimizer(tf, transformation, options)
      model.compile({ optimizer, loss: 'meanSquaredError' })
      await model.fit(x, y, fitOptions)
      optimizer.learningRate = 0.5
      await model.fit(x, y, fitOptions)
      other.setWeights(model.getWeights())

      const before = await weightsOf(model)
      optimizer.reset()
      expect(await weightsOf(model)).toEqual(before)
      expect([optimizer.iterations, optimizer.learningRate]).toEqual([0, 0.1])
      expect(await optimizer.report()).toMatchObject({ step: 0, skippedSteps: 0, loss: null })

      const fresh = inducedOptimizer(tf, transformation, options)
      other.compile({ optimizer: fresh, loss: 'meanSquaredError' })
      await model.fit(x, y, fitOptions)
      await other.fit(x, y, fitOptions)
      expect(await weightsOf(model)).toEqual(await weightsOf(other))
      expect(await optimizer.report()).toEqual(await fresh.report())
      const { parameters, units, step } = await optimizer.save()
      const expected = await fresh.save()
      expect([step, units]).toEqual([expected.step, expected.units])
      expect(parameters.map(({ slots }) => slots)).toEqual(expected.parameters.map(({ slots }) => slots))
    })

    it('frees the state', () => {
      const w = tf.variable(tf.tensor1d([1, -2]))
      const optimizer = inducedOptimizer(tf, transformation, options)
      const counts = [1, 2, 3].map(() => {
        for (let i = 0; i < 3; i++) optimizer.minimize(() => tf.sum(tf.square(w)), false, [w])
        const { numTensors } = memory()
        optimizer.reset()
        return [numTensors, memory().numTensors]
      })
      expect(counts[2]).toEqual(counts[1])
      expect(counts[1]![1]).toBeLessThan(counts[1]![0]!)
      optimizer.dispose()
    })

    it('forgets a state that was loaded and not used yet', async () => {
      const w = tf.variable(tf.tensor1d([1, -2]))
      const loss = (): tf.Scalar => tf.sum(tf.square(w))
      const optimizer = inducedOptimizer(tf, transformation, options)
      optimizer.minimize(loss, false, [w])
      const saved = await optimizer.save()
      const other = inducedOptimizer(tf, transformation, options)
      other.load(saved)
      other.reset()
      other.minimize(loss, false, [w])
      expect((await other.save()).parameters.map(({ steps }) => steps)).toEqual([1])
    })

    it('is refused while the variables hold their averages, and after dispose', () => {
      const w = tf.variable(tf.tensor1d([1, -2]))
      const optimizer = inducedOptimizer(tf, rateFree(adam()), options)
      optimizer.minimize(() => tf.sum(tf.square(w)), false, [w])
      const refused = (code: string): void => {
        expect(() => optimizer.reset()).toThrow(expect.objectContaining({ code }))
      }
      optimizer.withEvaluationWeights(() => refused('ERR_OPTION'))
      optimizer.dispose()
      refused('ERR_DISPOSED')
    })
  })
})
