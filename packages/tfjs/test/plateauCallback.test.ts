import * as tf from '@tensorflow/tfjs'
import { inducedMetric, reduceOnPlateau, sgd } from '@induced-metric/core'
import { inducedOptimizer, plateauCallback } from '@induced-metric/tfjs'
import { beforeAll, describe, expect, it } from 'vitest'
import { line, network } from './support.js'

beforeAll(() => tf.setBackend('cpu'))

describe('plateauCallback', () => {
  const learningRate = 0.1
  const fit = async (monitor: string | undefined, validationSplit: number) => {
    const { x, y } = line(32)
    const model = network([1], { inputs: 3 })
    const optimizer = inducedOptimizer(tf, inducedMetric(sgd(), { learningRate }))
    model.compile({ optimizer, loss: 'meanSquaredError' })
    // No loss can improve by this much, so that every epoch after the first reduces the rate.
    const options = { learningRate, factor: 0.5, patience: 0, threshold: 1e9 } as const
    const plateau = reduceOnPlateau({ ...options, thresholdMode: 'absolute' })
    const callback = plateauCallback(optimizer, plateau, monitor === undefined ? {} : { monitor })
    const rates: number[] = []
    const watch = { onEpochEnd: () => void rates.push(optimizer.learningRate) }
    const callbacks = [callback, watch] as tf.CustomCallbackArgs[]
    await model.fit(x, y, { epochs: 3, verbose: 0, validationSplit, callbacks })
    const best = plateau.save().best!
    return { rates, best, report: await optimizer.report() }
  }

  it('sets the rate by the validation loss at the end of each epoch', async () => {
    const { rates, best, report } = await fit(undefined, 0.5)
    expect(rates).toEqual([0.1, 0.05, 0.025])
    expect(best).toBeGreaterThan(0)
    expect(report.learningRate).toBe(0.05)
  })

  it('watches another value where it is told to', async () => {
    expect((await fit('loss', 0)).rates).toEqual([0.1, 0.05, 0.025])
  })

  it('says so where fit does not report the value', async () => {
    await expect(fit(undefined, 0)).rejects.toThrow(
      /ERR_OPTION: plateauCallback: fit reports no val_loss, only loss/,
    )
  })

  it('refuses an option that it does not have', () => {
    const optimizer = inducedOptimizer(tf, inducedMetric(sgd(), { learningRate }))
    const make = (): unknown =>
      plateauCallback(optimizer, reduceOnPlateau({ learningRate }), { patience: 3 } as never)
    expect(make).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }))
  })

  it('refuses other arguments where it is made, not at the end of an epoch', () => {
    const optimizer = inducedOptimizer(tf, inducedMetric(sgd(), { learningRate }))
    const plateau = reduceOnPlateau({ learningRate })
    for (const first of [plateau, tf.train.sgd(1), undefined]) {
      expect(() => plateauCallback(first as never, plateau)).toThrow(
        /ERR_OPTION: plateauCallback takes an optimiser/,
      )
    }
    for (const second of [optimizer, { patience: 3 }, undefined]) {
      expect(() => plateauCallback(optimizer, second as never)).toThrow(
        /ERR_OPTION: .* reduceOnPlateau\(\) returned/,
      )
    }
  })
})
