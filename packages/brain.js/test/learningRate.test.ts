import { useOptimizer } from '@induced-metric/brain.js'
import { adam, cosine, encodeCheckpoint, inducedMetric } from '@induced-metric/core'
import { describe, expect, it } from 'vitest'
import { numbersOf, versions, xor, xorNetwork } from './support/brain.js'

describe.each(versions)('the learning rate in brain.js $version', ({ brain }) => {
  const schedule = cosine({ from: 0.1, steps: 20 })
  const transformation = inducedMetric(adam(), { learningRate: schedule })

  it('is that of the next step, and acts at once when it is set in the middle of train', () => {
    const rates = (step: number): number => (step <= 8 ? schedule(step) : 0.02)
    const [expected, network] = [xorNetwork(brain), xorNetwork(brain)]
    useOptimizer(expected, inducedMetric(adam(), { learningRate: rates }))
    expected.train(xor, { iterations: 4, errorThresh: 1e-9 })

    const handle = useOptimizer(network, transformation)
    expect(handle.learningRate).toBe(schedule(1))
    const seen: number[] = []
    network.train(xor, {
      iterations: 4,
      errorThresh: 1e-9,
      callbackPeriod: 1,
      callback({ iterations }) {
        seen.push(handle.learningRate)
        if (iterations === 2) handle.learningRate = 0.02
      },
    })
    expect(seen).toEqual([schedule(5), schedule(9), 0.02, 0.02])
    expect(numbersOf(network)).toEqual(numbersOf(expected))
  })

  it('is set before there are weights, kept by checkpoints and by a network that is made anew, and checked', () => {
    const network = new brain.NeuralNetwork({ hiddenLayers: [4] })
    const handle = useOptimizer(network, transformation)
    handle.learningRate = 0.25
    for (const wrong of [NaN, -1, '0.1'] as number[]) {
      expect(() => (handle.learningRate = wrong)).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }))
    }
    expect(handle.learningRate).toBe(0.25)
    network.train(xor, { iterations: 1 })
    expect(handle.report).toMatchObject({ step: 4, learningRate: 0.25 })

    const other = useOptimizer(xorNetwork(brain), transformation)
    other.load(encodeCheckpoint(handle.save()))
    expect(other.learningRate).toBe(0.25)

    network.fromJSON(JSON.parse(JSON.stringify(xorNetwork(brain).toJSON())) as object)
    network.trainPattern(xor[0]!)
    expect(handle.report).toMatchObject({ step: 1, learningRate: 0.25 })
    handle.detach()
    expect(() => (handle.learningRate = 1)).toThrow(expect.objectContaining({ code: 'ERR_DISPOSED' }))
  })
})
