import { afterAll, expect, it, vi } from 'vitest'

// Other files may have loaded the modules already, without a spy.
vi.resetModules()
vi.doMock('../src/arrays/optimizer.js', { spy: true })
const { createModelOptimizer } = await import('../src/arrays/modelOptimizer.js')
const { createOptimizer } = await import('../src/arrays/optimizer.js')
const { adam, inducedMetric } = await import('@induced-metric/core')

afterAll(() => {
  vi.doUnmock('../src/arrays/optimizer.js')
  vi.resetModules()
})

it('releases the optimiser of arrays that the model no longer has', () => {
  let data = new Float32Array(2)
  const optimizer = createModelOptimizer(inducedMetric(adam(), { learningRate: 0.1 }), () => [
    { name: 'w', shape: [2], data },
  ])
  data = new Float32Array(2)
  optimizer.follow()
  const [first, second] = vi
    .mocked(createOptimizer)
    .mock.results.map(({ value }) => value as typeof optimizer)
  expect(() => first!.save()).toThrow('ERR_DISPOSED')
  expect(second!.save().step).toBe(0)
})
