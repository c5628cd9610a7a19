import { useOptimizer } from '@induced-metric/brain.js'
import { inducedMetric, log, sgd } from '@induced-metric/core'
import { describe, expect, it } from 'vitest'
import { feedForward, seeded, timeStepClasses, tokenClasses, versions } from './support/brain.js'
import type { Recurrent } from './support/types.js'

// Each step gets the loss that belongs to its gradients.

const transformation = inducedMetric(sgd(), { learningRate: 0.1 })

interface Steps {
  trainInput(sequence: unknown): number
  backpropagate(sequence: unknown): void
  adjustWeights(): void
  formatData(data: readonly unknown[]): ArrayLike<unknown>[]
}

const tokens: readonly ArrayLike<unknown>[] = [
  [0, 1, 2, 0],
  [1, 2, 0],
]

describe.each(versions)('recurrent networks of brain.js $version', ({ brain }) => {
  it.each([...tokenClasses, ...timeStepClasses])(
    '%s: another sequence may be run before the step',
    (Class) => {
      const data = tokenClasses.includes(Class)
        ? ['abca', 'bca']
        : [
            [0.1, 0.2, 0.3],
            [0.9, 0.1],
          ]
      const lossAfter = (others: (steps: Steps, sequence: ArrayLike<unknown>) => void): number | null => {
        const network = seeded(5, () => new brain.recurrent[Class]!({ hiddenLayers: [4] })) as Recurrent &
          Steps
        seeded(1, () => network.train(data, { iterations: 1 }))
        const handle = useOptimizer(network, transformation)
        const [first, second] = tokenClasses.includes(Class) ? tokens : network.formatData(data)
        network.trainInput(first)
        network.backpropagate(first)
        others(network, second!)
        network.adjustWeights()
        expect(handle.report.step).toBe(1)
        return handle.report.loss
      }
      const expected = lossAfter(() => {})
      expect(expected).toBeGreaterThan(0)
      expect(lossAfter((steps, second) => void steps.trainInput(second))).toBe(expected)
    },
  )
})

describe('a FeedForward network of brain.js 2.x', () => {
  it('has no loss known for two patterns that were propagated back, and asks for none of them', () => {
    const { brain } = versions[1]!
    interface Inner {
      runInput(input: Float32Array): unknown
      _calculateDeltas(target: Float32Array): void
      adjustWeights(): void
    }
    const network = seeded(3, () => feedForward(brain, 2, [4, 1]))
    seeded(3, () => network.initialize())
    const inner = network as unknown as Inner
    const propagate = (target: number): void => {
      inner.runInput(Float32Array.of(0.5, target))
      inner._calculateDeltas(Float32Array.of(target))
    }
    const handle = useOptimizer(network, inducedMetric(sgd(), { learningRate: 0.1, embedding: log() }))
    propagate(0)
    inner.adjustWeights()
    expect(handle.report).toMatchObject({ step: 1, loss: expect.any(Number) as number })
    propagate(0)
    propagate(1)
    expect(() => inner.adjustWeights()).toThrow(expect.objectContaining({ code: 'ERR_LOSS_REQUIRED' }))
    expect(handle.report.step).toBe(1)
    propagate(1)
    inner.adjustWeights()
    expect(handle.report.step).toBe(2)
  })
})
