import { adam, inducedMetric } from '@induced-metric/core'
import { applyUpdates, inducedOptimizer } from '@induced-metric/jax-js'
import { tree } from '@jax-js/jax'
import { expect, test } from 'vitest'
import { differentiate, initialParams, valuesOf } from './support/problem.js'

test('evaluationParams is the mean of the parameters so far, and consumes nothing', () => {
  const solver = inducedOptimizer(inducedMetric(adam(), { learningRate: 0.1, averageWeights: 0 }))
  let params = initialParams()
  let state = solver.init(tree.ref(params))
  const before = solver.evaluationParams(state, params)
  expect(valuesOf(before)).toEqual(valuesOf(params))
  tree.dispose(before)
  const after: number[][] = []
  for (let i = 0; i < 3; i++) {
    const [, grads] = differentiate(params)
    const [updates, next] = solver.update(grads, state, tree.ref(params))
    params = applyUpdates(params, updates)
    state = next
    after.push(Object.values(valuesOf(params)).flat(3))
  }
  const averaged = solver.evaluationParams(state, params)
  const values = Object.values(valuesOf(averaged)).flat(3)
  values.forEach((value, i) => {
    expect(value).toBeCloseTo(after.reduce((sum, weights) => sum + weights[i]!, 0) / 3, 5)
  })
  tree.dispose([averaged, params, state])
})
