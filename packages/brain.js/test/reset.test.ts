import { useOptimizer } from '@induced-metric/brain.js'
import { adam, cosine, inducedMetric } from '@induced-metric/core'
import { describe, expect, it } from 'vitest'
import { numbersOf, versions, xor, xorNetwork } from './support/brain.js'

describe.each(versions)('reset in brain.js $version', ({ brain }) => {
  const transformation = inducedMetric(adam(), { learningRate: cosine({ from: 0.1, steps: 20 }) })

  it('makes the network train as with a new optimiser, and drops a batch that is not full', () => {
    const [network, other] = [xorNetwork(brain), xorNetwork(brain)]
    const handle = useOptimizer(network, transformation, { batchSize: 3 })
    network.train(xor, { iterations: 3 })
    handle.learningRate = 0.5
    network.trainPattern(xor[1]!)
    const weights = numbersOf(network)
    handle.reset()
    expect(numbersOf(network)).toEqual(weights)
    expect(handle.report.step).toBe(0)
    expect(handle.learningRate).toBe(0.1)
    handle.flush()
    expect([handle.report.step, numbersOf(network)]).toEqual([0, weights])

    other.fromJSON(network.toJSON())
    const fresh = useOptimizer(other, transformation, { batchSize: 3 })
    for (const one of [network, other]) one.train(xor, { iterations: 4 })
    expect(numbersOf(network)).toEqual(numbersOf(other))
    expect(handle.report).toEqual(fresh.report)
    expect(handle.save()).toEqual(fresh.save())
  })

  it('works before there are weights, and not after detach', () => {
    const network = new brain.NeuralNetwork({ hiddenLayers: [4] })
    const handle = useOptimizer(network, transformation)
    handle.learningRate = 0.5
    handle.reset()
    expect(handle.learningRate).toBe(0.1)
    handle.detach()
    expect(() => handle.reset()).toThrow(expect.objectContaining({ code: 'ERR_DISPOSED' }))
  })
})
