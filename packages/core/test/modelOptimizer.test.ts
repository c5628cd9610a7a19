import { expect, it, vi } from 'vitest'
import { createModelOptimizer } from '../src/arrays/modelOptimizer.js'
import { createOptimizer } from '../src/arrays/optimizer.js'
import { adam, inducedMetric } from '@induced-metric/core'

vi.mock('../src/arrays/optimizer.js', { spy: true })

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
