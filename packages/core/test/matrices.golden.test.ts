import { describe, expect, it } from 'vitest'
import { createOptimizer, fromJSON, inducedMetric, sgd } from '@induced-metric/core'
import { gradients, named, problems, worst } from './matrixProblems.js'
import { arrayOf, type Dtype } from './support.js'

describe.each<[engine: 'reference' | 'wasm', dtype: Dtype, tolerance: number]>([
  ['reference', 'float64', 1e-12],
  ['wasm', 'float64', 1e-12],
  ['reference', 'float32', 2e-5],
  ['wasm', 'float32', 2e-5],
])('golden vectors of bases for matrices on %s in %s', (engine, dtype, tolerance) => {
  it.each(named)('%s', (_, { base, learningRate, problem, expected }) => {
    const saved = inducedMetric(sgd(), { learningRate, xi: 0 }).toJSON()
    const parameters = problems
      .find(({ name }) => name === problem)!
      .params.map((p) => ({ name: p.name, shape: p.shape, data: arrayOf(dtype, p.data) }))
    const optimizer = createOptimizer(fromJSON({ ...saved, base }), parameters, { engine })
    let checked = 0
    for (let step = 1; step <= 30; step++) {
      const theta = optimizer.parameters.map((p) => p.data)
      optimizer.step(gradients[problem]!(theta, step).map((g) => arrayOf(dtype, g)))
      const entry = expected.find((candidate) => candidate.step === step)
      if (entry === undefined) continue
      checked++
      entry.params.forEach((values, i) => {
        expect(worst(optimizer.parameters[i]!.data, values), `step ${step}`).toBeLessThanOrEqual(tolerance)
      })
    }
    expect(checked).toBe(5)
    expect(optimizer.report.skippedSteps).toBe(0)
    optimizer.dispose()
  })
})
