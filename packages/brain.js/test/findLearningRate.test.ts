import { useOptimizer } from '@induced-metric/brain.js'
import { adam, inducedMetric } from '@induced-metric/core'
import { describe, expect, it } from 'vitest'
import { numbersOf, versions, xor, xorNetwork } from './support/brain.js'

describe.each(versions)('findLearningRate in brain.js $version', ({ brain }) => {
  const make = () => {
    const network = xorNetwork(brain)
    const handle = useOptimizer(network, inducedMetric(adam(), { learningRate: 0.1, xi: 0 }), {
      batchSize: xor.length,
    })
    const train = () => network.train(xor, { iterations: 1, errorThresh: 1e-9 }).error
    return { network, handle, train }
  }

  it('sweeps rates, and puts weights and state back, bit for bit', async () => {
    const { network, handle, train } = make()
    train()
    const [weights, state] = [numbersOf(network), handle.save()]
    const found = await handle.findLearningRate(train, { from: 1e-4, to: 100, steps: 30 })
    const { points } = found.best
    expect(points.length).toBeGreaterThan(10)
    expect(points.every(({ scale }) => scale === 1)).toBe(true)
    expect(new Set(points.map(({ loss }) => loss)).size).toBeGreaterThan(5)
    expect(found.suggestion).toBeGreaterThan(1e-4)
    expect(numbersOf(network)).toEqual(weights)
    expect(handle.save()).toEqual(state)
    expect(handle.learningRate).toBe(0.1)
    const twin = make()
    twin.train()
    train()
    twin.train()
    expect(numbersOf(network)).toEqual(numbersOf(twin.network))
    handle.detach()
    await expect(handle.findLearningRate(train)).rejects.toThrow(/ERR_DISPOSED/)
  })

  it('refuses to begin in the middle of a batch, or without weights', async () => {
    const { handle, train } = make()
    await expect(handle.findLearningRate(train, { steps: 1 })).rejects.toThrow(/ERR_OPTION.*steps/)
    const empty = new brain.NeuralNetwork({ hiddenLayers: [2] })
    const other = useOptimizer(empty, inducedMetric(adam(), { learningRate: 0.1 }))
    await expect(other.findLearningRate(() => 1)).rejects.toThrow(/ERR_CHECKPOINT/)
  })
})
