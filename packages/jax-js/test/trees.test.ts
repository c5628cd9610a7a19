import {
  adam,
  cosine,
  encodeCheckpoint,
  inducedMetric,
  sgd,
  type InducedMetricOptions,
} from '@induced-metric/core'
import { applyUpdates, inducedOptimizer, type InducedState } from '@induced-metric/jax-js'
import * as jax from '@jax-js/jax'
import { numpy as np, tree } from '@jax-js/jax'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import { valuesOf } from './support/problem.js'

type Pair = { w: np.Array; b: np.Array }
const pair = (w: readonly number[], b: readonly number[]): Pair => ({
  w: np.array([...w]),
  b: np.array([...b]),
})
const turned = ({ w, b }: Pair): Pair => ({ b, w })
/** By key, whatever the order. */
const numbers = ({ w, b }: Pair): number[][] => [valuesOf([w])[0]!, valuesOf([b])[0]!]

describe('keys in another order', () => {
  const solver = inducedOptimizer(inducedMetric(adam(), { learningRate: 0.1, weightDecay: 0.1 }))
  const same = <T>(x: T): T => x
  const run = (turn: { params: typeof turned; grads: typeof turned; updates: typeof turned }) => {
    let params = pair([1, 2], [3, 4])
    let state = solver.init(tree.ref(params))
    for (let i = 1; i <= 3; i++) {
      const grads = pair([i, -1], [10, 0.5])
      const [updates, next] = solver.update(turn.grads(grads), state, turn.params(tree.ref(params)))
      params = applyUpdates(params, turn.updates(updates))
      state = next
    }
    return { params: numbers(params), saved: encodeCheckpoint(solver.save(state, turn.params(params))) }
  }
  const expected = run({ params: same, grads: same, updates: same })

  test.each([
    ['gradients', { params: same, grads: turned, updates: same }],
    ['parameters', { params: turned, grads: same, updates: same }],
    ['updates', { params: same, grads: same, updates: turned }],
    ['all', { params: turned, grads: turned, updates: turned }],
  ])('are matched by key: %s', (_, turn) => {
    expect(run(turn)).toEqual(expected)
  })

  test('are matched by key without parameters, too', () => {
    const plain = inducedOptimizer(inducedMetric(adam(), { learningRate: 0.1 }))
    const start = (): InducedState => plain.init(pair([1, 2], [3, 4]))
    const grads = pair([1, -1], [10, 0.5])
    const [first, middle] = plain.update(tree.ref(grads), start())
    const [second, state] = plain.update(turned(tree.ref(grads)), middle)
    const [, reference] = plain.update(tree.ref(grads), plain.update(tree.ref(grads), start())[1])
    expect(Object.keys(second)).toEqual(['b', 'w'])
    expect(numbers(first)[0]!.map(Math.sign)).toEqual([-1, 1])
    expect(valuesOf(state)).toEqual(valuesOf(reference))
    expect(() => plain.update({ w: grads.w } as never, state)).toThrow(/ERR_SHAPE.*w, b/)
  })

  test('are those of whole numbers, which objects put in order', () => {
    const named = inducedOptimizer(inducedMetric(adam(), { learningRate: 0.1 }), {
      nameOf: ([key]) => ({ w: '7', b: '2' })[key!]!,
    })
    const params = pair([1, 2], [3])
    let state = named.init(tree.ref(params))
    state = named.update(pair([1, 1], [1]), state, tree.ref(params))[1]
    const none = { w: np.array([1, 1]), b: null } as never
    state = named.update(none, state, tree.ref(params))[1]
    const counts = named.save(state, params).parameters.map(({ name, steps }) => [name, steps])
    expect(Object.fromEntries(counts)).toEqual({ 7: 2, 2: 1 })
  })
})

describe('the learning rate of a state', () => {
  const schedule = cosine({ from: 0.1, steps: 10 })
  const transformation = inducedMetric(sgd(), { learningRate: schedule, xi: 0 })
  const solver = inducedOptimizer(transformation)

  test('is that of its next step, set for it alone, and kept by checkpoints', () => {
    const params = { w: np.array([1]) }
    const grads = { w: np.array([1]) }
    const step = (state: InducedState): [number, InducedState] => {
      const [updates, next] = solver.update(tree.ref(grads), state, tree.ref(params))
      return [valuesOf(updates)[0]![0]!, next]
    }
    const [, state] = step(solver.init(tree.ref(params)))
    expect(solver.learningRate(state, params)).toBe(schedule(2))
    const other = tree.ref(state)
    const set = solver.withLearningRate(state, params, 0.5)
    expect(solver.learningRate(set, params)).toBe(0.5)
    expect(solver.learningRate(other, params)).toBe(schedule(2))
    const bytes = encodeCheckpoint(solver.save(set, params))
    expect(step(set)[0]).toBe(-0.5)
    expect(step(other)[0]).toBeCloseTo(-schedule(2), 7)
    const loaded = inducedOptimizer(transformation).load(bytes, tree.ref(params))
    expect(step(loaded)[0]).toBe(-0.5)
    expect(solver.report!.learningRate).toBe(0.5)
  })
})

describe('options that name parameters', () => {
  const make = (options: Partial<InducedMetricOptions>) =>
    inducedOptimizer(inducedMetric(sgd(), { learningRate: 0.1, xi: 0, weightDecay: 0.1, ...options }), {
      groupOf: ({ name }) => /^(gen|disc|code)/.exec(name)?.[0],
    })
  const net = (label: string) => ({ [label]: { w: np.array([1]) } })

  test.each([2, 3])('go for %i trees by turns', (count) => {
    const labels = ['gen', 'disc', 'code'].slice(0, count)
    const solver = make({
      groups: Object.fromEntries(
        labels.map((label, i) => [label, { learningRate: 0.1 * (i + 1), decayMask: [`${label}.w`] }]),
      ),
    })
    const states = labels.map((label) => solver.init(net(label)))
    labels.forEach((label, i) => {
      const [updates] = solver.update(net(label), states[i]!, net(label))
      expect(valuesOf(updates)[0]![0]).toBeCloseTo(-0.11 * (i + 1), 6)
    })
  })

  test('and for a tree that has lost some', () => {
    const solver = make({ groups: { disc: { xi: 1 } }, decayMask: ['disc.w'] })
    tree.dispose(solver.init({ ...net('gen'), ...net('disc'), rest: np.array([1]) }))
    solver.init({ rest: np.array([1]) })
  })

  test.each<[string, Partial<InducedMetricOptions>, RegExp]>([
    ['a group', { groups: { disk: { xi: 1 } } }, /groups\.disk.*"disc"/],
    ['a name to decay', { decayMask: ['disc.W'] }, /decayMask.*"disc\.W".*"disc\.w"/],
  ])('are an error where nothing has that name: %s', (_, options, message) => {
    const params = net('disc')
    expect(() => make(options).init(params)).toThrow(message)
    expect(params['disc']!.w.refCount).toBe(1)
  })
})

test('arrays of half precision, which has no room for an ε of 1e-8, are refused', () => {
  const w = np.zeros([2], { dtype: np.float16 })
  const solver = inducedOptimizer(inducedMetric(adam(), { learningRate: 0.1 }))
  expect(() => solver.init({ w })).toThrow(/ERR_NOT_SUPPORTED.*float16/)
})

describe('arrays of another copy of jax-js', () => {
  test('are refused, and say that there are two', async () => {
    const { href } = pathToFileURL(
      createRequire(import.meta.url)
        .resolve('@jax-js/jax')
        .replace(/\.cjs$/, '.js'),
    )
    const other = (await import(/* @vite-ignore */ `${href}?other`)) as typeof jax
    expect(other.Array).not.toBe(jax.Array)
    other.defaultDevice('cpu')
    const solver = inducedOptimizer(inducedMetric(adam(), { learningRate: 0.1 }))
    const [own, foreign] = [{ w: np.array([1, 2]) }, { w: other.numpy.array([1, 2]) }]
    const state = solver.init(tree.ref(own))
    const refusal = expect.objectContaining({
      code: 'ERR_NOT_SUPPORTED',
      message: expect.stringContaining('another copy of @jax-js/jax') as string,
    }) as Error
    expect(() => solver.init(foreign)).toThrow(refusal)
    expect(() => solver.update(foreign, state, own)).toThrow(refusal)
    expect(() => solver.update(own, state, foreign)).toThrow(refusal)
    expect(() => solver.save(state, foreign)).toThrow(refusal)
    expect(() => applyUpdates(own, foreign)).toThrow(refusal)
    const slots = { w: { ...state.slots['w'], m: foreign.w } }
    expect(() => solver.save({ ...state, slots }, own)).toThrow(refusal)
    expect(valuesOf(own)).toEqual([[1, 2]])
  })
})

describe('what is no tree of these, state or transformation is refused, and nothing is consumed:', () => {
  const solver = inducedOptimizer(inducedMetric(adam(), { learningRate: 0.1 }))
  const params = pair([1, 2], [3])
  const state = solver.init(tree.ref(params))
  const refused = (act: () => unknown, code: string, words: RegExp) => {
    expect(act).toThrow(words)
    expect(act).toThrow(new RegExp(`^${code}: `))
    expect(numbers(params)).toEqual([[1, 2], [3]])
    expect(solver.learningRate(state, params)).toBe(0.1)
  }

  test('a base in place of a transformation, where the optimiser is made', () => {
    refused(
      () => inducedOptimizer(adam() as never),
      'ERR_OPTION',
      /given the base adam: give it a learning rate/,
    )
    refused(() => inducedOptimizer(undefined as never), 'ERR_OPTION', /given undefined/)
  })

  test('anything else in place of a state', () => {
    for (const [given, words] of [
      [undefined, 'given undefined'],
      [params, 'given an object'],
      [3, 'given 3'],
    ] as const) {
      const wrong = given as never
      const message = new RegExp(`the state must be what init, load or update returned, ${words}`)
      refused(() => solver.update(params, wrong), 'ERR_OPTION', message)
      refused(() => solver.save(wrong, params), 'ERR_OPTION', message)
      refused(() => solver.withLearningRate(wrong, params, 1), 'ERR_OPTION', message)
    }
  })

  test('a loss that is not in an object, and other options', () => {
    refused(
      () => solver.update(params, state, params, 3 as never),
      'ERR_OPTION',
      /update takes an object of options/,
    )
    refused(
      () => solver.update(params, state, params, { los: 3 } as never),
      'ERR_OPTION',
      /the nearest is "loss"/,
    )
  })

  test('gradients and updates of other shapes', () => {
    const wrong = pair([1, 2, 3], [3])
    refused(() => solver.update(wrong, state), 'ERR_SHAPE', /slot m of "w" has shape \[2\], .* needs \[3\]/)
    refused(
      () => applyUpdates(params, wrong),
      'ERR_SHAPE',
      /update of "w" has shape \[3\], and the parameter \[2\]/,
    )
    expect(numbers(wrong)).toEqual([[1, 2, 3], [3]])
  })

  test('arrays that are not of jax-js', () => {
    const wrong = { w: new Float32Array(3) } as never
    refused(() => solver.init(wrong), 'ERR_NOT_SUPPORTED', /given a Float32Array/)
  })
})
