import { adam, inducedMetric } from '@induced-metric/core'
import { applyUpdates, findLearningRate, inducedOptimizer } from '@induced-metric/jax-js'
import { tree } from '@jax-js/jax'
import { expect, test } from 'vitest'
import { differentiate, initialParams, valuesOf } from './support/problem.js'

test('findLearningRate sweeps rates from a state, and consumes nothing of it', async () => {
  const solver = inducedOptimizer(inducedMetric(adam(), { learningRate: 0.1, xi: 0.5 }))
  const params = initialParams()
  const state = solver.init(tree.ref(params))
  const before = [valuesOf(params), solver.save(state, params)]
  const rates: number[] = []
  const found = await findLearningRate(
    solver,
    { params, state },
    (current) => {
      rates.push(solver.learningRate(current.state, current.params))
      const [value, grads] = differentiate(current.params)
      const [updates, next] = solver.update(grads, current.state, tree.ref(current.params))
      return { loss: value, params: applyUpdates(current.params, updates), state: next }
    },
    { from: 1e-3, to: 10, steps: 20 },
  )
  expect(found.best.points.map(({ learningRate }) => learningRate)).toEqual(rates)
  expect(rates.length).toBeGreaterThan(5)
  expect(found.best.points.every(({ scale }) => scale > 0 && scale < 1)).toBe(true)
  expect([valuesOf(params), solver.save(state, params)]).toEqual(before)
  tree.dispose([params, state])
})

test('accumulate makes one update of the mean gradient, and a waiting call changes nothing', () => {
  const gathering = inducedOptimizer(inducedMetric(adam(), { learningRate: 0.1, accumulate: 2 }))
  const plain = inducedOptimizer(inducedMetric(adam(), { learningRate: 0.1 }))
  let params = initialParams()
  let other = tree.ref(params)
  let state = gathering.init(tree.ref(params))
  let otherState = plain.init(tree.ref(other))
  for (let i = 0; i < 3; i++) {
    const start = valuesOf(params)
    for (const waiting of [true, false]) {
      const [, grads] = differentiate(params)
      const [updates, next] = gathering.update(grads, state, tree.ref(params))
      params = applyUpdates(params, updates)
      state = next
      expect(gathering.report!.accumulated).toBe(waiting ? 1 : 0)
      // jax-js makes −0 of a 0 that it has not computed yet.
      const positive = valuesOf(params).map((row) => row.map((x) => x + 0))
      if (waiting) expect(positive).toEqual(start.map((row) => row.map((x) => x + 0)))
    }
    const [, grads] = differentiate(other)
    const [updates, next] = plain.update(grads, otherState, tree.ref(other))
    other = applyUpdates(other, updates)
    otherState = next
  }
  expect(gathering.report!.step).toBe(3)
  expect(valuesOf(params)).toEqual(valuesOf(other))
  tree.dispose([params, other, state, otherState])
})
