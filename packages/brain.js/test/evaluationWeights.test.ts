import { useOptimizer } from '@induced-metric/brain.js'
import { adam, inducedMetric } from '@induced-metric/core'
import { describe, expect, it } from 'vitest'
import { numbersOf, versions, xor, xorNetwork } from './support/brain.js'

describe.each(versions)('averaged weights in brain.js $version', ({ brain }) => {
  it('are what the network runs with, and its own are put back', () => {
    const network = xorNetwork(brain)
    const transformation = inducedMetric(adam(), { learningRate: 0.1, averageWeights: 0 })
    const handle = useOptimizer(network, transformation, { batchSize: xor.length })
    const after: number[][] = []
    for (let i = 0; i < 3; i++) {
      network.train(xor, { iterations: 1, errorThresh: 1e-9 })
      after.push(numbersOf(network))
    }
    const averaged = handle.withEvaluationWeights(() => numbersOf(network))
    averaged.forEach((value, i) => {
      expect(value).toBeCloseTo(after.reduce((sum, weights) => sum + weights[i]!, 0) / 3, 5)
    })
    expect(numbersOf(network)).toEqual(after.at(-1))
    handle.detach()
    expect(() => handle.withEvaluationWeights(() => 0)).toThrow(/ERR_DISPOSED/)
  })
})
