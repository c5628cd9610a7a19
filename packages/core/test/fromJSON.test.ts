import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { algebra } from '@induced-metric/core'
import {
  adagrad,
  adam,
  constant,
  cosine,
  defineEmbedding,
  definePreconditioner,
  exponential,
  fromJSON,
  heavyBall,
  identity,
  inducedMetric,
  linear,
  lion,
  log,
  logDamped,
  muon,
  rmsprop,
  sgd,
  type InducedMetricOptions,
  type Preconditioner,
  type Transformation,
} from '@induced-metric/core'
import { expectError, gradientsOf, optimizerOver, stateBits } from './support.js'

// JSON has no −0.
const number = (min: number, max: number) => fc.double({ min, max, noNaN: true }).map((x) => x + 0)
const rate = number(0, 0.999)
const positive = number(0, 100)
const scheduled = (value: fc.Arbitrary<number>) =>
  fc.oneof(
    { weight: 3, arbitrary: value },
    value.map((x) => constant(x)),
    fc.tuple(value, value).map(([from, to]) => linear({ from, to, steps: 5 })),
    fc.tuple(value, value).map(([from, to]) => cosine({ from, to, steps: 5 })),
    value.map((from) => exponential({ from, rate: 0.9, steps: 3 })),
  )
const optional = <T extends object>(options: { readonly [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  fc.record(options, { requiredKeys: [] })

const elementwise: fc.Arbitrary<Preconditioner> = fc.oneof(
  optional({ momentum: scheduled(rate) }).map(sgd),
  optional({ momentum: scheduled(rate), dampening: scheduled(rate), nesterov: fc.boolean() }).map(heavyBall),
  optional({
    decay: scheduled(rate),
    epsilon: positive,
    centered: fc.boolean(),
    momentum: scheduled(rate),
  }).map(rmsprop),
  optional({ epsilon: positive, initialAccumulator: positive }).map(adagrad),
  optional({ beta1: scheduled(rate), beta2: scheduled(rate), epsilon: positive, nesterov: fc.boolean() }).map(
    adam,
  ),
  optional({ beta1: scheduled(rate), beta2: scheduled(rate) }).map(lion),
)
const base = fc.oneof(
  elementwise,
  optional({
    momentum: scheduled(rate),
    nesterov: fc.boolean(),
    iterations: fc.integer({ min: 1, max: 6 }),
  }).map(muon),
)
const embedding = fc.oneof(
  fc.constant(identity()),
  optional({ floor: scheduled(number(-5, 0.5)) }).map(log),
  optional({ floor: scheduled(number(-5, 0.5)) }).map(logDamped),
)
const shared = {
  xi: fc.oneof(scheduled(positive), fc.constant('auto' as const)),
  beta: rate,
  embedding,
  weightDecay: scheduled(number(0, 1)),
  decayMask: fc.oneof(
    fc.constantFrom('all' as const, 'matrices' as const),
    fc.subarray(['kernel', 'bias', 'ünïcode "name"\n']),
  ),
  fallback: elementwise,
  onBadLoss: fc.constantFrom('throw' as const, 'skip' as const, 'base' as const, 'zero' as const),
  clipNorm: number(0.01, 10),
}
const transformations: fc.Arbitrary<Transformation> = fc
  .record({
    base,
    options: fc.record(
      {
        ...shared,
        learningRate: scheduled(number(0, 1)),
        onNonFinite: fc.constantFrom('skip' as const, 'throw' as const),
        metricScope: fc.constantFrom('global' as const, 'group' as const, 'parameter' as const),
        groups: optional({
          biases: fc.record({ ...shared, base, learningRate: scheduled(number(0, 1)) }, { requiredKeys: [] }),
        }),
      },
      { requiredKeys: ['learningRate'] },
    ),
  })
  .map(({ base, options }) => inducedMetric(base, options as InducedMetricOptions))

const tensors = [
  { name: 'kernel', shape: [2, 3] },
  { name: 'bias', shape: [3], group: 'biases' },
  { name: 'ünïcode "name"\n', shape: [] },
]

describe('a transformation as data', () => {
  it('comes back as it was, and behaves as it did', () => {
    fc.assert(
      fc.property(transformations, (transformation) => {
        const text = JSON.stringify(transformation)
        const restored = fromJSON(JSON.parse(text))
        expect(JSON.stringify(restored)).toBe(text)
        const [one, two] = [optimizerOver(transformation, tensors), optimizerOver(restored, tensors)]
        for (let step = 1; step <= 7; step++) {
          // Whatever happens (ε = 0 may divide by 0), it happens to both.
          const gradients = gradientsOf(one, step)
          const outcomes = [one, two].map((optimizer) => {
            try {
              return optimizer.step(gradients, { loss: 2 / step + 0.6 })
            } catch (error) {
              return error
            }
          })
          expect(outcomes[1]).toEqual(outcomes[0])
        }
        expect(stateBits(two)).toEqual(stateBits(one))
      }),
      { numRuns: 150 },
    )
  })

  it('may leave out all that has a default', () => {
    const least = { format: 'induced-metric', version: 1, base: { name: 'adam' }, learningRate: 0.1 }
    expect(fromJSON(least).toJSON()).toEqual(inducedMetric(adam(), { learningRate: 0.1 }).toJSON())
    const group = { ...least, groups: { biases: { base: { name: 'sgd' } } } }
    expect(fromJSON(group).toJSON()).toEqual(
      inducedMetric(adam(), { learningRate: 0.1, groups: { biases: { base: sgd() } } }).toJSON(),
    )
  })

  it('is fresh data at every call: changing it changes no transformation', () => {
    const transformation = inducedMetric(sgd(), { learningRate: 0.1, decayMask: ['w'] })
    const data = transformation.toJSON() as unknown as { learningRate: unknown; decayMask: string[] }
    data.learningRate = 3
    data.decayMask.push('x')
    expect(transformation.toJSON()).toMatchObject({ learningRate: 0.1, decayMask: ['w'] })
  })
})

describe('data from elsewhere', () => {
  const good = { format: 'induced-metric', version: 1, base: { name: 'adam' }, learningRate: 0.1 }

  it.each([undefined, null, 3, 'x', true, [], [good], () => good])('%o is no transformation', (json) => {
    expectError(() => fromJSON(json), 'ERR_OPTION', 'saved transformation')
  })

  it.each<[change: object, ...words: string[]]>([
    [{ format: 'adam' }, 'format', '"adam"'],
    [{ format: undefined }, 'format'],
    [{ version: 2 }, 'version 2'],
    [{ version: '1' }, 'version "1"'],
    [{ base: undefined }, 'preconditioner', 'known: sgd'],
    [{ base: null }, 'preconditioner'],
    [{ base: 'adam' }, 'preconditioner'],
    [{ base: { name: 'adamw' } }, '"adamw"', 'known: sgd'],
    [{ base: { name: 'constructor' } }, '"constructor"'],
    [{ base: { name: '__proto__' } }, '"__proto__"'],
    [{ base: { name: 'adam', beta1: 1 } }, 'adam.beta1', '[0, 1)'],
    [{ base: { name: 'adam', beta1: null } }, 'adam.beta1'],
    [{ base: { name: 'adam', beta3: 0 } }, 'adam', '"beta3"'],
    [{ base: { name: 'adam', nesterov: 1 } }, 'adam.nesterov'],
    [{ base: { name: 'muon', iterations: 1e9 } }, 'muon.iterations'],
    [{ base: { name: 'adam', beta1: { schedule: 'x' } } }, 'beta1', '"x"'],
    [{ embedding: { name: 'sqrt' } }, 'embedding', '"sqrt"', 'known: identity'],
    [{ embedding: null }, 'embedding'],
    [{ embedding: { name: 'log', floor: '0' } }, 'log.floor'],
    [{ fallback: { name: 'muon' } }, 'fallback', 'muon'],
    [{ fallback: null }, 'fallback'],
    [{ learningRate: undefined }, 'learningRate'],
    [{ learningRate: null }, 'learningRate'],
    [{ learningRate: '0.1' }, 'learningRate'],
    [{ learningRate: -1 }, 'learningRate'],
    [{ learningRate: [0.1] }, 'learningRate'],
    [{ learningRate: { schedule: 'cosine', from: -1, to: 'x', steps: 1 } }, 'to'],
    [{ xi: 'automatic' }, 'xi'],
    [{ xi: null }, 'xi'],
    [{ beta: 1 }, 'beta'],
    [{ beta: null }, 'beta'],
    [{ weightDecay: {} }, 'weightDecay'],
    [{ decayMask: {} }, 'decayMask'],
    [{ decayMask: [1] }, 'decayMask'],
    [{ clipNorm: null }, 'clipNorm'],
    [{ onNonFinite: 'explode' }, 'onNonFinite'],
    [{ onBadLoss: 0 }, 'onBadLoss'],
    [{ metricScope: null }, 'metricScope'],
    [{ learningrate: 0.1 }, '"learningrate"'],
    [{ toJSON: 1 }, '"toJSON"'],
    [{ groups: null }, 'groups'],
    [{ groups: 3 }, 'groups'],
    [{ groups: [] }, 'groups'],
    [{ groups: { a: null } }, 'groups.a'],
    [{ groups: { a: 1 } }, 'groups.a'],
    [{ groups: { a: { xi: -1 } } }, 'groups.a.xi'],
    [{ groups: { a: { format: 'x' } } }, 'groups.a', '"format"'],
    [{ groups: { a: { base: { name: 'x' } } } }, 'groups.a', '"x"'],
    [{ groups: { a: { base: null } } }, 'groups.a'],
  ])('%o is refused', (change, ...words) => {
    expectError(() => fromJSON({ ...good, ...change }), 'ERR_OPTION', ...words)
  })

  it('does nothing to prototypes', () => {
    const text =
      '{"format":"induced-metric","version":1,"base":{"name":"sgd","__proto__":{"momentum":0.9}},"learningRate":1}'
    expect(() => fromJSON(JSON.parse(text))).toThrow(/__proto__/)
    const grouped =
      '{"format":"induced-metric","version":1,"base":{"name":"sgd"},"learningRate":1,"groups":{"__proto__":{"xi":5}}}'
    const { groups } = fromJSON(JSON.parse(grouped))
    expect(Object.keys(groups)).toEqual(['__proto__'])
    expect(groups['__proto__']!.xi).toBe(5)
    expect(({} as { xi?: number }).xi).toBeUndefined()
  })

  it('of any kind gives a transformation or ERR_OPTION, and nothing else', () => {
    const keys = fc.constantFrom(
      'name',
      'schedule',
      'from',
      'to',
      'steps',
      'values',
      'beta1',
      'floor',
      'groups',
      'xi',
      'a',
    )
    const anything = fc.anything({ key: keys, withNullPrototype: true, withSparseArray: true, maxDepth: 4 })
    const fields = Object.keys(inducedMetric(sgd(), { learningRate: 1, clipNorm: 1, groups: {} }).toJSON())
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...fields, 'groups', 'clipNorm'), anything), (change) => {
        try {
          fromJSON({ ...good, ...change })
        } catch (error) {
          expect(error).toMatchObject({ name: 'InducedMetricError', code: 'ERR_OPTION' })
        }
      }),
      { numRuns: 1000 },
    )
  })

  it('does not choose between two definitions of one name', () => {
    const update = ({ gradient }: { gradient: algebra.Expr }) => ({ direction: gradient, slots: {} })
    const [ours, mine] = [
      definePreconditioner({ name: 'adam', update }),
      definePreconditioner({ name: 'mine', update }),
    ]
    const flat = defineEmbedding({ name: 'log', slope: () => 0, descends: () => 1 })
    const refused = (own: object, ...words: string[]): void =>
      expectError(() => fromJSON(good, own), 'ERR_OPTION', 'another name', ...words)
    refused({ preconditioners: [ours] }, 'preconditioners', '"adam"')
    refused({ preconditioners: [mine, mine] }, '"mine"')
    refused({ embeddings: [flat] }, 'embeddings', '"log"')
    expect(fromJSON(good, { preconditioners: [mine] }).settings.base.definition).toBe(adam.definition)
  })

  it.each([
    { preconditioners: adam },
    { preconditioners: [adam()] },
    { preconditioners: [3] },
    { factories: [] },
  ])('takes lists of factories: %o is refused', (own) => {
    expectError(() => fromJSON({ ...good, base: { name: 'mine' } }, own as never), 'ERR_OPTION')
  })
})
