import { describe, expect, it } from 'vitest'
import { createOptimizer, fromJSON, inducedMetric, sgd } from '@induced-metric/core'
import { named, problemAt, problems, worst } from './baseProblems.js'
import { arrayOf, type Dtype } from './support.js'

describe.each<[engine: 'reference' | 'wasm', dtype: Dtype, tolerance: number]>([
  ['reference', 'float64', 1e-12],
  ['wasm', 'float64', 1e-12],
  ['reference', 'float32', 2e-5],
  ['wasm', 'float32', 2e-5],
])('golden vectors of bases on %s in %s', (engine, dtype, tolerance) => {
  const followed = named.filter(([, { double = false }]) => dtype === 'float64' || !double)
  it.each(followed)('%s', (_, { base, learningRate, problem, expected }) => {
    const saved = inducedMetric(sgd(), { learningRate: 1, xi: 0 }).toJSON()
    const transformation = fromJSON({ ...saved, base, learningRate })
    const parameters = problems
      .find(({ name }) => name === problem)!
      .params.map((p) => ({ name: p.name, shape: p.shape, data: arrayOf(dtype, [p.data].flat()) }))
    const optimizer = createOptimizer(transformation, parameters, { engine })
    let checked = 0
    for (let step = 1; step <= 30; step++) {
      const theta = optimizer.parameters.map((p) => p.data)
      const { loss, gradients } = problemAt[problem]!(theta, step)
      optimizer.step(
        gradients.map((g) => arrayOf(dtype, g)),
        { loss },
      )
      const entry = expected.find((candidate) => candidate.step === step)
      if (entry === undefined) continue
      checked++
      entry.params.forEach((values, i) => {
        expect(worst(optimizer.parameters[i]!.data, values), `step ${step}`).toBeLessThanOrEqual(tolerance)
      })
      if (entry.evaluation === undefined) continue
      const evaluated = optimizer.withEvaluationWeights(() => optimizer.parameters.map((p) => p.data.slice()))
      entry.evaluation.forEach((values, i) => {
        expect(worst(evaluated[i]!, values), `evaluation after ${step}`).toBeLessThanOrEqual(tolerance)
      })
    }
    expect(checked).toBe(5)
    expect(optimizer.report.skippedSteps).toBe(0)
    optimizer.dispose()
  })
})
