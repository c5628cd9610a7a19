import { adagrad, adam, heavyBall, inducedMetric, lion, log, logDamped, muon, rateFree, rmsprop, root, sgd, type Transformation } from '@induced-metric/core'
import { applyUpdates, inducedOptimizer, type InducedState } from '@induced-metric/jax-js'
import { defaultDevice, jit, numpy as np, tree } from '@jax-js/jax'
import { describe, expect, test } from 'vitest'
import { differentiate, initialParams, valuesOf, type Params } from './support/problem.js'

const transformations: Record<string, Transformation> = {
  sgd: inducedMetric(sgd({ momentum: 0.9 }), { learningRate: 0.02 }),
  adam: inducedMetric(adam(), { learningRate: 0.02, embedding: log(), weightDecay: 0.1 }),
  'adam itself': inducedMetric(adam(), { learningRate: 0.02, xi: 0 }),
  heavyBall: inducedMetric(heavyBall({ nesterov: true }), { learningRate: 0.02, clipNorm: 0.3 }),
  rmsprop: inducedMetric(rmsprop({ centered: true, momentum: 0.5, epsilon: 1e-3 }), { learningRate: 0.02 }),
  adagrad: inducedMetric(adagrad(), { learningRate: 0.02, embedding: logDamped() }),
  lion: inducedMetric(lion(), { learningRate: 0.002, metricScope: 'parameter' }),
  muon: inducedMetric(muon(), { learningRate: 0.02, embedding: root({ floor: 'follow' }), averageWeights: 8 }),
  'without a rate': rateFree(adam(), { learningRate: 0.3, steps: 10 }),
  groups: inducedMetric(adam(), { learningRate: 0.02, metricScope: 'group', clipNorm: 1, groups: { bias: { base: sgd(), weightDecay: 0.1, learningRate: 0.05, clipNorm: 0.2 } } }),
}

function train(transformation: Transformation, steps: number, isTraced: boolean) {
  const solver = inducedOptimizer(transformation, { groupOf: ({ name }) => (/bias|gain/.test(name) ? 'bias' : undefined) })
  const update = (params: Params, grads: Params, state: InducedState, loss: np.Array): [Params, InducedState] => {
    const [updates, next] = solver.update(grads, state, tree.ref(params), { loss })
    return [applyUpdates(params, updates), next]
  }
  const take = isTraced ? jit(update) : update
  let params = initialParams()
  let state = solver.init(tree.ref(params))
  for (let i = 0; i < steps; i++) {
    const [loss, grads] = differentiate(params)
    ;[params, state] = take(params, grads, state, np.array(loss)) as [Params, InducedState]
  }
  return { params: valuesOf(params), checkpoint: solver.save(state, params) }
}

describe.each(['wasm', 'cpu'] as const)('%s', (device) => {
  test.each(Object.entries(transformations))('%s', (_, transformation) => {
    defaultDevice(device)
    const t = performance.now()
    const free = train(transformation, 5, false), t1 = performance.now()
    const traced = train(transformation, 5, true), t2 = performance.now()
    let worst = 0
    free.params.flat().forEach((x, i) => (worst = Math.max(worst, Math.abs(traced.params.flat()[i]! / x - 1))))
    const numbers = (c: typeof free.checkpoint) => [c.step, c.skippedSteps, ...c.units.flatMap((u) => Object.values(u).flat()), ...c.parameters.map((p) => p.steps)]
    console.log(device, _, worst, (t1 - t).toFixed(), (t2 - t1).toFixed(), JSON.stringify(numbers(free.checkpoint)), JSON.stringify(numbers(traced.checkpoint)))
    expect(worst).toBeLessThan(1e-4)
  })
})
