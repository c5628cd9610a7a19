import { adam, cosine, inducedMetric, log, rateFree, sgd, type Transformation } from '@induced-metric/core'
import { applyUpdates, inducedOptimizer, type InducedState } from '@induced-metric/jax-js'
import { defaultDevice, jit, numpy as np, tree, type JsTree } from '@jax-js/jax'
import { afterEach, describe, expect, test } from 'vitest'
import { learningRate, optimizerOf, transformations } from './support/transformations.js'
import { countsOf, differentiate, initialParams, valuesOf, type Params } from './support/problem.js'

/** Trains for some steps, and tells the parameters, the slots and the numbers of the state. */
function train(transformation: Transformation, traces: (step: number) => boolean) {
  const solver = optimizerOf(transformation)
  const update = (
    params: Params,
    grads: Params,
    state: InducedState,
    loss: np.Array,
  ): [Params, InducedState] => {
    const [updates, next] = solver.update(grads, state, tree.ref(params), { loss })
    return [applyUpdates(params, updates), next]
  }
  const compiled = jit(update)
  let params = initialParams()
  let state = solver.init(tree.ref(params))
  for (let step = 0; step < 4; step++) {
    const [loss, grads] = differentiate(params)
    ;[params, state] = (traces(step) ? compiled : update)(params, grads, state, np.array(loss))
  }
  const { step, skippedSteps, units, parameters } = solver.save(state, params)
  const averages = units.flatMap(({ average, values = {} }) => [average, ...Object.values(values)])
  return {
    counts: [step, skippedSteps, ...units.map((unit) => unit.steps), ...parameters.map(({ steps }) => steps)],
    values: [...valuesOf(params), ...valuesOf(state.slots), averages],
  }
}

function expectClose(traced: readonly number[][], expected: readonly number[][], tolerance: number): void {
  expected.forEach((values, i) => {
    const size = Math.hypot(...values)
    const distance = Math.hypot(...values.map((value, k) => value - traced[i]![k]!))
    expect(distance).toBeLessThanOrEqual(tolerance * size)
  })
}

afterEach(() => void defaultDevice('wasm'))

describe('a step that is traced by jit is the step that is not, to rounding', () => {
  // Rounding in float32 is 6e-8; Newton and Schulz's iteration, by which muon makes matrices orthogonal, enlarges it, and so
  // does Adam's division by averages of gradients that were limited to next to nothing.
  const toleranceOf = (name: string): number =>
    name.startsWith('muon') ? 2e-4 : name.includes('limits') ? 2e-5 : 2e-6

  test.each(Object.entries(transformations))('%s', (name, transformation) => {
    const expected = train(transformation, () => false)
    const traced = train(transformation, () => true)
    expect(traced.counts).toEqual(expected.counts)
    expectClose(traced.values, expected.values, toleranceOf(name))
  })

  test('on cpu', () => {
    defaultDevice('cpu')
    const transformation = transformations['groups, clipped each']!
    const traced = train(transformation, () => true)
    expectClose(traced.values, train(transformation, () => false).values, 1e-5)
  })

  test('a state goes on from one to the other', () => {
    const transformation = transformations['adam, log and weight decay']!
    const mixed = train(transformation, (step) => step % 2 === 0)
    expectClose(mixed.values, train(transformation, () => false).values, 2e-6)
  })

  test('parameters of both element types', () => {
    const solver = inducedOptimizer(inducedMetric(adam(), { learningRate, clipNorm: 0.5 }))
    const made = (scale: number) => ({
      single: np.array([1, -2, 3]).mul(scale),
      double: np
        .array([[0.5, 4]])
        .astype(np.float64)
        .mul(scale),
    })
    const update = (grads: ReturnType<typeof made>, state: InducedState) => solver.update(grads, state)
    const [expected, expectedState] = update(made(0.1), solver.init(made(1)))
    const [traced, state] = jit(update)(made(0.1), solver.init(made(1)))
    expect([traced.single.dtype, traced.double.dtype]).toEqual([np.float32, np.float64])
    expectClose(valuesOf(traced), valuesOf(expected), 1e-7)
    expectClose(valuesOf(state.slots), valuesOf(expectedState.slots), 1e-7)
  })
})

test('accumulation inside of a trace takes a gradient of every parameter', () => {
  const solver = inducedOptimizer(inducedMetric(adam(), { learningRate, accumulate: 2 }))
  const own = () => ({ a: np.array([1]), b: np.array([2]) })
  const update = jit((a: np.Array, state: InducedState, params: ReturnType<typeof own>) =>
    solver.update({ a, b: null as never }, state, params),
  )
  expect(() => update(np.array([1]), solver.init(own()), own())).toThrow(/ERR_NOT_SUPPORTED.*give zeros/)
})

describe('inside of a trace', () => {
  const params = { a: np.array([1, -0]), b: np.array([[3]]) }
  const grads = { a: np.array([0.5, -0.5]), b: np.array([[1]]) }
  type Tree = typeof params
  const traced = (transformation: Transformation) => {
    const solver = inducedOptimizer(transformation)
    const update = jit((given: Tree, state: InducedState, own: Tree, loss: np.Array) =>
      solver.update(given, state, own, { loss }),
    )
    const step = (given: Tree, state: InducedState, loss: number) =>
      update(tree.ref(given), tree.ref(state), tree.ref(params), np.array(loss))
    return { solver, step, first: () => solver.init(tree.ref(params)) }
  }

  test.each([
    ['a gradient that is not finite', NaN, 1],
    ['a loss that is not finite', 1, Infinity],
    ['a loss below the floor', 1, -1],
  ])('%s skips the step, whatever would be thrown outside', (_, gradient, loss) => {
    const { solver, step, first } = traced(
      inducedMetric(adam(), { learningRate, embedding: log(), onNonFinite: 'throw', weightDecay: 0.1 }),
    )
    const [, state] = step(grads, first(), 2)
    const [updates, next] = step({ ...grads, b: np.array([[gradient]]) }, state, loss)
    expect(
      valuesOf(updates)
        .flat()
        .every((x) => Object.is(x, -0)),
    ).toBe(true)
    expect(valuesOf(next.slots)).toEqual(valuesOf(state.slots))
    const { skippedSteps, ...saved } = solver.save(next, params)
    expect(skippedSteps).toBe(1)
    expect(saved).toEqual({ ...solver.save(state, params), skippedSteps: undefined })
    expect(solver.report).toBeUndefined()
    const [after] = step(grads, next, 2)
    expect(valuesOf(after)).toEqual(valuesOf(step(grads, state, 2)[0]))
  })

  test('a parameter without a gradient is left alone', () => {
    const { solver, first } = traced(inducedMetric(adam(), { learningRate, weightDecay: 0.5 }))
    const step = (missing: object, state: InducedState) =>
      jit((given: Tree, before: InducedState, own: Tree) => {
        const some: JsTree<np.Array | null> = { ...given, ...missing }
        return solver.update(some as Tree, before, own)
      })(tree.ref(grads), state, tree.ref(params))
    const [updates, state] = step({ a: null }, first())
    expect(valuesOf(updates.a)[0]!.every((x) => Object.is(x, -0))).toBe(true)
    expect(valuesOf(updates.b)[0]![0]).toBeLessThan(0)
    expect(solver.save(state, params).parameters.map(({ steps }) => steps)).toEqual([0, 1])
    const [, none] = step({ a: null, b: null }, state)
    expect(solver.save(none, params)).toMatchObject({ step: 1, skippedSteps: 1 })
  })

  test('a learning rate that was set comes from the state, and so does the ξ that is tied to it', () => {
    const transformation = rateFree(sgd({ momentum: 0.5 }), { learningRate: cosine({ from: 2, steps: 5 }) })
    const { solver, step, first } = traced(transformation)
    expect(() => step(grads, first(), 2)).toThrow(
      expect.objectContaining({
        code: 'ERR_NOT_SUPPORTED',
        message: expect.stringContaining('learningRate'),
      }),
    )
    for (const rate of [0.25, 4]) {
      const state = solver.withLearningRate(first(), params, rate)
      const [updates, next] = step(grads, state, 2)
      const [expected] = solver.update(tree.ref(grads), state, tree.ref(params), { loss: 2 })
      expectClose(valuesOf(updates), valuesOf(expected), 1e-6)
      expect(solver.learningRate(next, params)).toBe(rate)
    }
  })

  test('it demands the loss where that is read, and knows its options', () => {
    const solver = inducedOptimizer(inducedMetric(adam(), { learningRate, embedding: log() }))
    const state = solver.init(tree.ref(params))
    const update = (options?: object) =>
      jit((given: Tree) => solver.update(given, tree.ref(state), undefined, options))
    expect(() => update()(tree.ref(grads))).toThrow(/ERR_LOSS_REQUIRED/)
    expect(() => update({ los: 1 })(tree.ref(grads))).toThrow(/ERR_OPTION.*los/)
    const saved = jit((given: InducedState) => void solver.save(given, params) as never)
    expect(() => saved(tree.ref(state))).toThrow(/ERR_NOT_SUPPORTED.*inside jit only init and update/)
  })

  test('update consumes what it is given, and nothing else', () => {
    const { step, first } = traced(inducedMetric(adam(), { learningRate, weightDecay: 0.1, clipNorm: 1 }))
    const state = first()
    const given = [params, grads, state].map(countsOf)
    const [updates, next] = step(grads, state, 1)
    expect([params, grads, state].map(countsOf)).toEqual(given)
    for (const made of [updates, next]) expect(countsOf(made).every((count) => count === 1)).toBe(true)
  })
})

test('outside of a trace the loss may be an array as well, and is consumed', () => {
  const solver = inducedOptimizer(inducedMetric(sgd(), { learningRate, embedding: log() }))
  const loss = np.array(1.5)
  const grads = np.array([1, 2])
  const state = solver.init(np.array([0, 0]))
  const [expected] = solver.update(grads.ref, tree.ref(state), undefined, { loss: 1.5 })
  const [updates] = solver.update(grads, state, undefined, { loss: loss.ref })
  expect(valuesOf(updates)).toEqual(valuesOf(expected))
  expect([solver.report!.loss, loss.refCount]).toEqual([1.5, 1])
})
