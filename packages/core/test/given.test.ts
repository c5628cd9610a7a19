import { describe, expect, it } from 'vitest'
import {
  adam,
  adamw,
  createOptimizer,
  fromJSON,
  inducedMetric,
  reduceOnPlateau,
  sgd,
  type Preconditioner,
  type Transformation,
} from '../src/index.js'
import { planStep } from '@induced-metric/core/adapter'
import { show } from '../src/errors.js'
import { expectError } from './support.js'

// What errors say about what was given, and what to do.

describe('a value in a message', () => {
  it.each<[unknown, string]>([
    ['a', '"a"'],
    ['x'.repeat(100), `"${'x'.repeat(80)}…"`],
    [10, '10'],
    [10n, '10n'],
    [undefined, 'undefined'],
    [null, 'null'],
    [() => 1, 'a function'],
    [Map, 'a function'],
    [new Float64Array(2), 'a Float64Array'],
    [new ArrayBuffer(2), 'an ArrayBuffer'],
    [new Map(), 'an object'],
    [new URL('file:///a'), 'an object'],
    [Promise.resolve(), 'a promise: await it'],
    [{}, 'an object'],
    [Object.create(null), 'an object'],
    [[], 'an array of length 0'],
    [[-1, 2.5], 'an array of length 2, [-1, 2.5]'],
    [['a'], 'an array of length 1'],
    [new Array(9).fill(0), 'an array of length 9'],
  ])('%o is %s', (value, text) => {
    expect(show(value)).toBe(text)
  })

  it('may have properties that throw', () => {
    const hostile = new Proxy({}, { get: () => { throw new Error('no') } }) // prettier-ignore
    expect(show(hostile)).toBe('an object')
  })
})

const parameter = { name: 'w', shape: [1], data: new Float32Array(1) }

it.each<[string, unknown, string]>([
  ['a base', adam(), 'given the base adam: give it a learning rate, as in inducedMetric(adam(), {'],
  ['a function', adamw, 'given a function: call it, as in adamw({'],
  ['data', adamw({ learningRate: 1 }).toJSON(), 'a transformation as data: fromJSON makes one of it'],
  ['a name', 'adam', 'given "adam"'],
])('%s in place of a transformation becomes one as the error says', (_, value, words) => {
  expectError(() => createOptimizer(value as Transformation, [parameter]), 'ERR_OPTION', words)
})

it('a transformation is no base', () => {
  const given = adamw({ learningRate: 1 }) as unknown as Preconditioner
  const act = () => inducedMetric(given, { learningRate: 1 })
  expectError(act, 'ERR_OPTION', 'given a transformation, which has a base already')
})

it('text is parsed before fromJSON reads it', () => {
  const text = JSON.stringify(adamw({ learningRate: 1 }))
  expectError(() => fromJSON(text), 'ERR_OPTION', 'fromJSON(JSON.parse(text))')
})

it('a checkpoint is awaited, and its bytes are a Uint8Array', () => {
  const optimizer = createOptimizer(inducedMetric(sgd(), { learningRate: 1 }), [parameter])
  const load = (value: unknown) => () => optimizer.load(value as Uint8Array)
  expectError(load(Promise.resolve(optimizer.save())), 'ERR_CHECKPOINT', 'given a promise: await it')
  expectError(load(new ArrayBuffer(8)), 'ERR_CHECKPOINT', 'in a Uint8Array; given an ArrayBuffer')
})

it('a misspelt option is told which one it is like', () => {
  const wrong = (options: object) => () => adamw(options as never)
  expectError(
    wrong({ learningrate: 1 }),
    'ERR_OPTION',
    'no option "learningrate"; the nearest is "learningRate";',
  )
  expectError(wrong({ weight_decay: 1 }), 'ERR_OPTION', 'the nearest is "weightDecay";')
  const plateau = () => reduceOnPlateau({ learningRate: 1, pateince: 1 } as never)
  expectError(plateau, 'ERR_OPTION', 'the nearest is "patience";')
  expect(wrong({ lr: 1 })).toThrow('no option "lr"; known options')
})

it.each(['wasm', 'reference'] as const)('a parameter that was transferred is missed, by %s', (engine) => {
  const data = new Float32Array([1, 2])
  const kept = new Float32Array([3])
  const parameters = [
    { name: 'kept', shape: [1], data: kept },
    { name: 'gone', shape: [2], data },
  ]
  const optimizer = createOptimizer(adamw({ learningRate: 1 }), parameters, { engine })
  structuredClone(data, { transfer: [data.buffer] })
  const step = () => optimizer.step([Float32Array.of(1), null])
  expectError(step, 'ERR_SHAPE', 'parameter "gone" has 0 of its 2 elements')
  expect([...kept, optimizer.report.step]).toEqual([3, 0])
  const saved = optimizer.save()
  const again = createOptimizer(adamw({ learningRate: 1 }), [
    parameters[0]!,
    { ...parameters[1]!, data: new Float32Array(2) },
  ])
  again.load(saved)
  expect(again.step([Float32Array.of(1), null]).step).toBe(1)
})

it.each<[string, object, string]>([
  ['a group', { gruop: 'head' }, 'parameter "w" has no property "gruop"; the nearest is "group"'],
  [
    'the orientation',
    { rowsare: 'inputs' },
    'parameter "w" has no property "rowsare"; the nearest is "rowsAre"',
  ],
])('%s of a parameter is not lost where it is misspelt', (_, misspelt, words) => {
  const transformation = adamw({ learningRate: 1 })
  const given = { ...parameter, ...misspelt }
  expectError(() => createOptimizer(transformation, [given]), 'ERR_OPTION', words)
  expectError(() => planStep(transformation, [given]), 'ERR_OPTION', words)
  const optimizer = createOptimizer(transformation, [])
  expectError(() => optimizer.add([given]), 'ERR_OPTION', words)
})

it('a parameter may have properties of its own', () => {
  const own = { kind: 'dense', groups: 2, rows: 1, get: () => 1 }
  createOptimizer(adamw({ learningRate: 1 }), [{ ...parameter, ...own }])
})

it.each<[string, object, string]>([
  ['base', { base: 'adam' }, 'base must be an object that names the preconditioner, as in { name: "adam" }'],
  [
    'embedding',
    { embedding: 'log' },
    'embedding must be an object that names the embedding, as in { name: "log" }',
  ],
  [
    'fallback',
    { fallback: {} },
    'fallback must be an object that names the preconditioner, as in { name: "adam" }',
  ],
  ['base of a group', { groups: { head: { base: 'sgd' } } }, 'groups.head.base must be'],
])('a saved %s without a name says what it must be', (_, changed, words) => {
  const json = { ...inducedMetric(adam(), { learningRate: 1 }).toJSON(), ...changed }
  expectError(() => fromJSON(json), 'ERR_OPTION', words)
})
