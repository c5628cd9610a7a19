import { adam, inducedMetric, log, sgd } from '@induced-metric/core'
import { applyUpdates, inducedOptimizer } from '@induced-metric/jax-js'
import { numpy as np, tree, type JsTree } from '@jax-js/jax'
import { expect, test } from 'vitest'
import { differentiate, initialParams, valuesOf, type Params } from './support/problem.js'

// @jax-js/optax is not in the npm registry; this is its interface, and its `chain` and `scale` by what they do.
type OptState = JsTree<np.Array>

interface GradientTransformation {
  init(params: JsTree<np.Array>): OptState
  update<P extends JsTree<np.Array>>(updates: P, state: OptState, params?: P): [P, OptState]
}

function scale(factor: number): GradientTransformation {
  return {
    init(params) {
      tree.dispose(params)
      return []
    },
    update(updates, state, params) {
      tree.dispose(params)
      return [tree.map((update: np.Array) => update.mul(factor), updates), state]
    },
  }
}

function chain(...parts: GradientTransformation[]): GradientTransformation {
  return {
    init(params) {
      const states = parts.map((part) => part.init(tree.ref(params)))
      tree.dispose(params)
      return states
    },
    update(given, states, params) {
      let updates = given
      const next = parts.map((part, i) => {
        const [changed, state] = part.update(updates, (states as OptState[])[i]!, params && tree.ref(params))
        updates = changed
        return state
      })
      tree.dispose(params)
      return [updates, next]
    },
  }
}

function train(solver: GradientTransformation, steps: number): { losses: number[]; params: Params } {
  let params = initialParams()
  let state = solver.init(tree.ref(params))
  const losses: number[] = []
  for (let i = 0; i < steps; i++) {
    const [loss, grads] = differentiate(params)
    losses.push(loss)
    const [updates, next] = solver.update(grads, state, tree.ref(params))
    params = applyUpdates(params, updates)
    state = next
  }
  return { losses, params }
}

test('takes the place of a transformation of optax, and trains a tree of parameters', () => {
  const { losses, params } = train(inducedOptimizer(inducedMetric(adam(), { learningRate: 0.05 })), 100)
  expect(losses.at(-1)).toBeLessThan(losses[0]! / 20)
  expect(params.layers[0]!.kernel.shape).toEqual([2, 3])
  expect(params.gain.dtype).toBe(np.float32)
})

test('is a part of chain: a scale behind it scales its update, as half the learning rate does', () => {
  const solver = (learningRate: number) => inducedOptimizer(inducedMetric(sgd(), { learningRate }))
  const chained = train(chain(solver(0.2), scale(0.5)), 5)
  expect(valuesOf(chained.params)).toEqual(valuesOf(train(solver(0.1), 5).params))
})

test('goes without the parameters, unless something reads them', () => {
  const update = (options: { weightDecay?: number }) => {
    const solver = inducedOptimizer(inducedMetric(adam(), { learningRate: 0.1, ...options }))
    const params = { w: np.array([1, 2, 3]) }
    const state = solver.init(params)
    return solver.update({ w: np.array([1, -1, 0.5]) }, state)[0]
  }
  expect(update({}).w.shape).toEqual([3])
  expect(() => update({ weightDecay: 0.1 })).toThrow(/reads the parameters.*pass them/)
})

test('an update is Δθ to its own precision, not the difference of two parameters', () => {
  const solver = inducedOptimizer(inducedMetric(sgd(), { learningRate: 1e-9, xi: 0 }))
  const params = np.array([1000, -1000])
  const [updates] = solver.update(np.array([1.25, -3]), solver.init(params.ref), params)
  expect(valuesOf(updates)[0]!.map((x) => x.toPrecision(5))).toEqual(['-1.2500e-9', '3.0000e-9'])
})

test('log reads the loss, so it stands outermost: chain has nowhere to hand a loss on', () => {
  const solver = inducedOptimizer(inducedMetric(sgd(), { learningRate: 0.05, embedding: log() }))
  const params = initialParams()
  const state = solver.init(tree.ref(params))
  const [loss, grads] = differentiate(params)
  const outer = chain(solver)
  expect(() => outer.update(tree.ref(grads), [state], tree.ref(params))).toThrow(/reads the loss/)
  const [updates, next] = solver.update(grads, state, tree.ref(params), { loss })
  const { scale: factor, dualNorm, xi, loss: told } = solver.report!
  expect(told).toBe(loss)
  expect(factor).toBeCloseTo(loss / (loss ** 2 + xi * dualNorm), 5)
  tree.dispose([updates, next, params])
})

test('arrays of other types are refused', () => {
  const solver = inducedOptimizer(inducedMetric(sgd(), { learningRate: 0.1 }))
  expect(() => solver.init({ w: np.array([1, 2], { dtype: np.int32 }) })).toThrow(/given int32/)
})
