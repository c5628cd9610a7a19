import { useOptimizer } from '@induced-metric/brain.js'
import { inducedMetric, sgd } from '@induced-metric/core'
import { describe, expect, it, vi } from 'vitest'
import { seeded, versions } from './support/brain.js'
import type { Dense } from './support/types.js'

const nothing = inducedMetric(sgd(), { learningRate: 0 })
const pattern = { input: Float32Array.of(0.2, 0.9, 0.4), output: Float32Array.of(1, 0) }

describe.each(versions)('deltas of brain.js $version', ({ brain }) => {
  const make = (options: object = {}): Dense =>
    seeded(3, () => {
      const network = new brain.NeuralNetwork({ hiddenLayers: [5, 4], ...options })
      network.sizes = [3, 5, 4, 2]
      network.initialize()
      return network
    })

  it.each(['sigmoid', 'tanh', 'relu', 'leaky-relu'])(
    '%s: those of the inputs are left out, the others exact',
    (activation) => {
      const [stock, network] = [make({ activation }), make({ activation })]
      useOptimizer(network, nothing, { exactGradients: false })
      for (const each of [stock, network]) each.trainPattern(pattern)
      // Training has changed the weights of the stock network, but after its deltas were computed.
      for (const layer of [1, 2, 3]) {
        expect(network.deltas[layer]).toEqual(stock.deltas[layer])
        expect(network.errors[layer]).toEqual(stock.errors[layer])
      }
      if (activation === 'sigmoid') expect(stock.deltas[0]!.some((delta) => delta !== 0)).toBe(true)
      expect(network.deltas[0]!.every((delta) => delta === 0)).toBe(true)
      expect(network.sizes).toEqual([3, 5, 4, 2])
    },
  )

  it('are left to a method that is not brain.js’s own', () => {
    const network = make()
    const own = vi.fn<(target: ArrayLike<number>) => void>(() => {
      expect(network.sizes[0]).toBe(3)
    })
    network.calculateDeltas = own
    const handle = useOptimizer(network, nothing)
    network.trainPattern(pattern)
    expect(own).toHaveBeenCalledTimes(1)
    handle.detach()
    expect(network.calculateDeltas).toBe(own)
  })

  it('leave the sizes as they were when computing them throws', () => {
    const network = make()
    useOptimizer(network, nothing)
    network.runInput(pattern.input)
    network.deltas.length = 0
    expect(() => network.calculateDeltas(pattern.output)).toThrow()
    expect(network.sizes).toEqual([3, 5, 4, 2])
  })

  it('are right for an activation that was set after attaching', () => {
    const [network, twin] = [make(), make({ activation: 'tanh' })]
    useOptimizer(network, nothing)
    const changed = network as unknown as {
      trainOpts: { activation: string }
      setActivation(name?: string): void
    }
    // 1.6.1 keeps its first methods, whatever is set later.
    if (!('activation' in changed.trainOpts)) return
    changed.trainOpts.activation = 'tanh'
    changed.setActivation()
    for (const each of [network, twin]) {
      each.runInput(pattern.input)
      each.calculateDeltas(pattern.output)
    }
    expect(network.deltas.slice(1)).toEqual(twin.deltas.slice(1))
  })
})
