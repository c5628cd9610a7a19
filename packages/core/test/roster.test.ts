import { describe, expect, it } from 'vitest'
import {
  createOptimizer,
  inducedMetric,
  sgd,
  type InducedMetricOptions,
  type ParameterInfo,
} from '@induced-metric/core'
import { planStep, type RestOfModel } from '@induced-metric/core/adapter'
import { expectError } from './support.js'

const vectors = (...names: readonly string[]): ParameterInfo[] =>
  names.map((name) => {
    const [label, own] = name.split('/')
    return own === undefined ? { name, shape: [2] } : { name, shape: [2], group: label! }
  })
const plan =
  (parameters: readonly ParameterInfo[], options: Partial<InducedMetricOptions>, rest?: RestOfModel) => () =>
    planStep(inducedMetric(sgd(), { learningRate: 0.1, weightDecay: 0.1, ...options }), parameters, rest)

describe('a name in decayMask that no parameter has', () => {
  it.each<[Partial<InducedMetricOptions>, ...string[]]>([
    [{ decayMask: ['kernal'] }, 'decayMask: no parameter is named "kernal"', 'nearest names are "kernel", '],
    [{ decayMask: ['kernel', 'Bias'] }, '"Bias"', '"bias", '],
    [{ groups: { g: { decayMask: ['g/w1'] } } }, 'groups.g.decayMask: no parameter is named "g/w1"', '"g/w"'],
    [{ decayMask: ['kernal'], weightDecay: 0 }, '"kernal"'],
  ])('is ERR_OPTION with the nearest: %o', (options, ...says) => {
    expectError(plan(vectors('bias', 'kernel', 'scale', 'g/w'), options), 'ERR_OPTION', ...says)
  })

  it('is one for all that make an optimiser', () => {
    const transformation = inducedMetric(sgd(), { learningRate: 0.1, decayMask: ['W'] })
    const parameter = (name: string) => ({ name, shape: [1], data: new Float32Array(1) })
    expectError(() => createOptimizer(transformation, [parameter('w')]), 'ERR_OPTION', '"W"', '"w"')
    expectError(() => createOptimizer(transformation, []), 'ERR_OPTION', 'there are none')
    createOptimizer(transformation, [parameter('w')], { others: () => vectors('W') })
  })

  it('may be one of others, and of the parameters of another group', () => {
    plan(vectors('a', 'g/b'), { decayMask: ['a', 'g/b', 'c'] }, { others: () => vectors('c') })()
    plan(vectors('a', 'g/b'), { decayMask: [], groups: { g: { decayMask: ['a'] } } })()
    expectError(
      plan(vectors('a'), { decayMask: ['b'] }, { others: () => vectors('c') }),
      'ERR_OPTION',
      '"a", "c"',
    )
  })
})

describe('a group that no parameter is in', () => {
  const groups = { disc: { xi: 1 } }

  it('may have one of the others', () => {
    plan(vectors('a'), { groups }, { others: () => vectors('disc/b') })()
    expectError(plan(vectors('a'), { groups }, { others: () => vectors('disk/b') }), 'ERR_OPTION', '"disk"')
    expectError(plan(vectors('a'), { groups }), 'ERR_OPTION', 'no parameter has a group')
  })

  it('may be still to come where nobody knows, unless a label has no options or there is none', () => {
    const open = { isOpen: true }
    const both = { gen: { decayMask: ['gen/a'] }, disc: { decayMask: ['disc/b'] } }
    plan(vectors('gen/a'), { groups: both }, open)()
    expectError(plan(vectors('disk/a'), { groups }, open), 'ERR_OPTION', '"disc"', '"disk"')
    expectError(plan(vectors('a'), { groups }, open), 'ERR_OPTION', 'no parameter has a group')
    // What came before is known.
    plan(vectors('a'), { groups }, { ...open, others: () => vectors('disc/b') })()
  })

  it('asks for the others only where it must', () => {
    const others = (): never => {
      throw new Error('asked')
    }
    const masks = { decayMask: ['disc/a'], groups }
    expect(plan(vectors('disc/a'), masks, { others })).not.toThrow()
  })
})
