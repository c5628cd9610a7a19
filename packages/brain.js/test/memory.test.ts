import { expect, it, vi } from 'vitest'
import { numbersOf, versions, xor, xorNetwork } from './support/brain.js'

it('many networks are trained at once, and return their memory when they are detached', async () => {
  // Newly loaded, the core has no memory yet.
  vi.resetModules()
  const { useOptimizer } = await import('@induced-metric/brain.js')
  const { adam, inducedMetric } = await import('@induced-metric/core')
  // Each memory reserves gigabytes of addresses, and a page has enough of them for a hundred memories.
  const { WebAssembly } = globalThis as unknown as { WebAssembly: { Memory: new (limits: object) => object } }
  const { Memory } = WebAssembly
  const memories = vi.spyOn(WebAssembly, 'Memory').mockImplementation(function make(limits) {
    return new Memory(limits)
  })
  const transformation = inducedMetric(adam(), { learningRate: 0.05 })
  const trained = () => {
    const network = xorNetwork(versions[0]!.brain)
    const handle = useOptimizer(network, transformation)
    network.train(xor, { iterations: 1 })
    return { network, handle }
  }
  const first = trained()
  first.handle.detach()
  const before = numbersOf(first.network)
  for (let round = 0; round < 4; round++) {
    const all = Array.from({ length: 200 }, trained)
    for (const { handle } of all) handle.detach()
  }
  expect(memories.mock.calls.length).toBe(1)
  // A detached network has arrays of its own.
  expect(numbersOf(first.network)).toEqual(before)
  memories.mockRestore()
})
