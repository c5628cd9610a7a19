import { adam, createOptimizer, encodeCheckpoint, inducedMetric, logDamped, muon } from '@induced-metric/core'
import { applyUpdates, inducedOptimizer, type InducedState } from '@induced-metric/jax-js'
import { numpy as np, tree } from '@jax-js/jax'
import { expect, test } from 'vitest'
import { differentiate, initialParams, valuesOf, type Params } from './support/problem.js'

const transformation = inducedMetric(muon({ momentum: 0.8 }), {
  learningRate: 0.02,
  embedding: logDamped(),
  fallback: adam(),
})

function train(params: Params, given: InducedState, steps: number): [Params, InducedState] {
  const solver = inducedOptimizer(transformation)
  let [current, state] = [params, given]
  for (let i = 0; i < steps; i++) {
    const [loss, grads] = differentiate(current)
    const [updates, next] = solver.update(grads, state, tree.ref(current), { loss })
    current = applyUpdates(current, updates)
    state = next
  }
  return [current, state]
}

test('saved, loaded and continued is what it would have been, bit for bit', () => {
  const solver = inducedOptimizer(transformation)
  const first = initialParams()
  const [params, state] = train(first, solver.init(tree.ref(first)), 4)
  const bytes = encodeCheckpoint(solver.save(state, params))

  const loaded = inducedOptimizer(transformation).load(bytes, tree.ref(params))
  expect(valuesOf(loaded)).toEqual(valuesOf(state))
  const [resumed] = train(tree.ref(params), loaded, 4)
  expect(valuesOf(resumed)).toEqual(valuesOf(train(params, state, 4)[0]))
})

test('parameters are named by the keys that lead to them, or as one likes', () => {
  const params = initialParams()
  const names = (solver: ReturnType<typeof inducedOptimizer>) =>
    solver.save(solver.init(tree.ref(params)), params).parameters.map(({ name }) => name)
  expect(names(inducedOptimizer(transformation))).toEqual([
    'layers.0.kernel',
    'layers.0.bias',
    'layers.1.kernel',
    'layers.1.bias',
    'gain',
  ])
  const slashes = inducedOptimizer(transformation, { nameOf: (path) => path.join('/') })
  expect(names(slashes)[0]).toBe('layers/0/kernel')
})

test('what another adapter saved is gone on with', () => {
  const arrays = createOptimizer(transformation, [
    { name: 'w', shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) },
  ])
  const gradient = Float32Array.of(0.5, -1, 0.25, 2)
  arrays.step([gradient], { loss: 3 })
  const solver = inducedOptimizer(transformation)
  const params = { w: np.array(arrays.parameters[0]!.data.slice(), { shape: [2, 2] }) }
  const state = solver.load(arrays.save(), tree.ref(params))
  const [updates] = solver.update({ w: np.array(gradient, { shape: [2, 2] }) }, state, tree.ref(params), {
    loss: 2,
  })
  arrays.step([gradient], { loss: 2 })
  const after = valuesOf(applyUpdates(params, updates))[0]!
  after.forEach((x, i) => expect(x).toBeCloseTo(arrays.parameters[0]!.data[i]!, 5))
  expect(solver.report!.step).toBe(2)
})

test('groups have their own options', () => {
  const grouped = inducedMetric(adam(), { learningRate: 0.1, groups: { bias: { learningRate: 0 } } })
  const solver = inducedOptimizer(grouped, {
    groupOf: ({ name }) => (name.endsWith('bias') ? 'bias' : undefined),
  })
  const params = initialParams()
  const [, grads] = differentiate(params)
  const [updates] = solver.update(grads, solver.init(tree.ref(params)), params)
  const [kernel, bias] = valuesOf(updates)
  expect(bias!.every((x) => x === 0)).toBe(true)
  expect(kernel!.every((x) => x !== 0)).toBe(true)
})
