import {
  adam,
  heavyBall,
  inducedMetric,
  log,
  muon,
  sgd,
  type ErrorCode,
  type Transformation,
} from '@induced-metric/core'
import { applyUpdates, inducedOptimizer } from '@induced-metric/jax-js'
import { numpy as np, tree, type JsTree } from '@jax-js/jax'
import { describe, expect, test } from 'vitest'
import { memories } from './support/memories.js'
import { countsOf, differentiate, initialParams, valuesOf } from './support/problem.js'

const transformations: Record<string, Transformation> = {
  'adam with all options': inducedMetric(adam(), { learningRate: 0.01, weightDecay: 0.1, clipNorm: 1 }),
  'sgd without slots, ξ = 0': inducedMetric(sgd(), { learningRate: 0.01, xi: 0 }),
  'heavyBall, whose first slot is the gradient': inducedMetric(heavyBall({ momentum: 0.9 }), {
    learningRate: 0.01,
  }),
  'muon with its fallback': inducedMetric(muon(), { learningRate: 0.01 }),
  'a schedule, whose number is new in every step': inducedMetric(sgd({ momentum: 0.9 }), {
    learningRate: (step) => 0.01 / step,
    metricScope: 'parameter',
    embedding: log(),
  }),
}

describe.each(Object.entries(transformations))('%s', (_, transformation) => {
  test('update consumes what it is given, and nothing else', () => {
    const solver = inducedOptimizer(transformation)
    const params = initialParams()
    const state = solver.init(tree.ref(params))
    expect(countsOf(params)).toEqual([1, 1, 1, 1, 1])
    const [loss, grads] = differentiate(params)
    const [before, slopes] = [valuesOf(params), valuesOf(grads)]

    const [updates, next] = solver.update(tree.ref(grads), tree.ref(state), tree.ref(params), { loss })
    for (const held of [params, grads, state, updates, next])
      expect(countsOf(held).every((count) => count === 1)).toBe(true)
    expect(valuesOf(params)).toEqual(before)
    expect(valuesOf(grads)).toEqual(slopes)

    // The state before is as it was: a step from it is the same step.
    const [again, other] = solver.update(grads, state, tree.ref(params), { loss })
    expect(valuesOf(again)).toEqual(valuesOf(updates))
    expect(valuesOf(other)).toEqual(valuesOf(next))
    for (const given of [grads, state]) expect(countsOf(given).every((count) => count === 0)).toBe(true)

    const [value] = differentiate(applyUpdates(tree.ref(params), again))
    expect(Number.isFinite(value)).toBe(true)
    tree.dispose([updates, next, other, params])
    for (const held of [params, updates, next, other])
      expect(countsOf(held).every((count) => count === 0)).toBe(true)
  })

  test('memory does not grow with the steps, skipped and failed ones among them', () => {
    const solver = inducedOptimizer(transformation)
    let params = initialParams()
    let state = solver.init(tree.ref(params))
    const [, grads] = differentiate(params)
    const [bad] = tree.leaves<np.Array>(grads)
    const spoilt = {
      ...grads,
      layers: [{ ...grads.layers[0]!, kernel: bad!.ref.mul(NaN) }, grads.layers[1]!],
    }
    const wrong = { ...grads, gain: bad! }
    const step = (i: number) => {
      const given = i % 10 === 3 ? spoilt : grads
      const [updates, next] = solver.update(tree.ref(given), state, tree.ref(params), { loss: 1 })
      expect(solver.report!.skipped).toBe(given === spoilt)
      params = applyUpdates(params, updates)
      state = next
      // What nobody reads is not computed, and keeps what it is to be computed of.
      valuesOf(params)
      if (i % 10 !== 4) return
      const held = tree.ref(wrong)
      expect(() => solver.update(held, state, params, { loss: 1 })).toThrow('must be of shape')
      tree.dispose(held)
    }
    for (let i = 0; i < 50; i++) step(i)
    const held = fillMemory(spare)
    const before = memorySize()
    expect(before).toBeGreaterThan(0)
    // Four times as many: an array that is lost in every third step is seen.
    for (let i = 0; i < 4 * spare; i++) step(i)
    expect(memorySize()).toBe(before)
    tree.dispose(held)
  })
})

/** Room for the arrays that a step needs beside those that there are before it and after it. */
const spare = 100

const memorySize = (): number => memories.reduce((total, { buffer }) => total + buffer.byteLength, 0)

/**
 * Takes memory until no more than some small arrays fit into what there is. jax-js gives it out in units of 64 bytes, of which a page
 * of WebAssembly has 1024, and keeps what is given back.
 *
 * @returns arrays that hold it
 */
function fillMemory(left: number): np.Array[] {
  // Of unequal numbers: jax-js takes memory for others once they are computed with.
  const small = () => np.array(Float32Array.of(1, 2))
  const before = memorySize()
  const held = []
  while (memorySize() === before) held.push(small())
  for (let i = 1; i < 1024; i++) held.push(small())
  tree.dispose(held.splice(0, left))
  return held
}

describe('an error loses nothing', () => {
  const solver = inducedOptimizer(
    inducedMetric(adam(), { learningRate: 0.1, embedding: log(), onNonFinite: 'throw' }),
  )
  const params = { a: np.array([1, 2]), b: np.array([[3]]) }
  const grads = { a: np.array([0.5, -0.5]), b: np.array([[1]]) }
  const [updates, state] = solver.update(tree.ref(grads), solver.init(tree.ref(params)), tree.ref(params), {
    loss: 2,
  })
  tree.dispose(updates)

  test.each<[string, ErrorCode, () => unknown]>([
    ['no loss', 'ERR_LOSS_REQUIRED', () => solver.update(grads, state, params)],
    ['a loss of 0', 'ERR_BAD_LOSS', () => solver.update(grads, state, params, { loss: 0 })],
    [
      'a gradient that is not finite',
      'ERR_NON_FINITE',
      () => solver.update({ ...grads, b: np.array([[NaN]]) }, state, params, { loss: 1 }),
    ],
    [
      'a gradient of another shape, that would broadcast',
      'ERR_SHAPE',
      () => solver.update({ ...grads, a: np.array(1) }, state, params, { loss: 1 }),
    ],
    [
      'a gradient of another type',
      'ERR_SHAPE',
      () =>
        solver.update({ ...grads, b: np.zeros([1, 1], { dtype: np.float64 }) }, state, params, { loss: 1 }),
    ],
    [
      'gradients under other keys',
      'ERR_SHAPE',
      () => solver.update({ a: grads.a, c: grads.b } as never, state, params, { loss: 1 }),
    ],
    [
      'a tree of another depth',
      'ERR_SHAPE',
      () => solver.update({ a: grads.a, b: [grads.b] } as never, state, params, { loss: 1 }),
    ],
    [
      'more parameters than the state has',
      'ERR_SHAPE',
      () => {
        const more = { ...params, c: np.array([1]) }
        return solver.update({ ...grads, c: np.array([1]) }, state, more, { loss: 1 })
      },
    ],
    ['updates of another tree', 'ERR_SHAPE', () => applyUpdates(params, { a: grads.a, c: grads.b } as never)],
    ['a learning rate that is none', 'ERR_OPTION', () => solver.withLearningRate(state, params, Number.NaN)],
    [
      'the state of another transformation',
      'ERR_SHAPE',
      () => {
        const other = inducedOptimizer(inducedMetric(sgd(), { learningRate: 1 }))
        return solver.update(grads, other.init(tree.ref(params)), params, { loss: 1 })
      },
    ],
    [
      'the state of other parameters',
      'ERR_SHAPE',
      () => solver.update(grads, solver.init({ a: np.zeros([1]), b: np.zeros([1, 1]) }), params, { loss: 1 }),
    ],
    ['an option that is none', 'ERR_OPTION', () => solver.update(grads, state, params, { los: 1 } as object)],
    ['a checkpoint that is cut off', 'ERR_CHECKPOINT', () => solver.load(new Uint8Array(10), params)],
  ])('%s', (_, code, use) => {
    const [before, report] = [[params, grads, state].map((held) => valuesOf(held)), solver.report]
    expect(use).toThrow(expect.objectContaining({ code }))
    expect([params, grads, state].map((held) => valuesOf(held))).toEqual(before)
    expect(solver.report).toBe(report)
    for (const held of [params, grads, state]) expect(countsOf(held).every((count) => count === 1)).toBe(true)
  })
})

test('a parameter without a gradient is left alone, to the sign of a zero', () => {
  const solver = inducedOptimizer(inducedMetric(adam(), { learningRate: 0.1, weightDecay: 0.5 }))
  const params = { still: np.array(Float32Array.of(-0, 0, 3)), moved: np.array([1, 2]) }
  const state = solver.init(tree.ref(params))
  const grads: JsTree<np.Array | null> = { still: null, moved: np.array([1, 1]) }
  const [updates, next] = solver.update(grads as typeof params, state, tree.ref(params))
  const after = applyUpdates(params, updates)
  const [still, moved] = valuesOf(after) as [number[], number[]]
  expect(still.map((x) => Object.is(x, -0))).toEqual([true, false, false])
  expect(still[2]).toBe(3)
  expect(moved[0]).toBeLessThan(1)
  expect(solver.save(next, after).parameters.map(({ steps }) => steps)).toEqual([0, 1])
})
