import { describe, expect, it } from 'vitest'
import {
  adagrad,
  adam,
  constant,
  definePreconditioner,
  algebra,
  inducedMetric,
  rmsprop,
  sgd,
  type Preconditioner,
} from '@induced-metric/core'
import { planStep, profileScalars } from '@induced-metric/core/adapter'
import { raiseEpsilons } from '../src/step/epsilons.js'

const own = definePreconditioner({
  name: 'own',
  hyperparameters: {
    guard: { kind: 'number', default: 1e-9, isEpsilon: true },
    small: { kind: 'number', default: 1e-9 },
  },
  update: ({ gradient, guard, small }) => ({
    direction: algebra.div(gradient, algebra.add(algebra.add(algebra.abs(gradient), guard), small)),
    slots: {},
  }),
})
const planOf = (base: Preconditioner) =>
  planStep(inducedMetric(base, { learningRate: 0.1 }), [{ name: 'w', shape: [2] }])

describe('raiseEpsilons', () => {
  it.each<[Preconditioner, string, number, number]>([
    [adam(), 'epsilon', 1e-8, 1e-4],
    [rmsprop(), 'epsilon', 1e-8, 1e-4],
    [adagrad(), 'epsilon', 1e-10, 1e-4],
    [own(), 'guard', 1e-9, 1e-4],
    [adam({ epsilon: constant(1e-8) }), 'epsilon', 1e-8, 1e-4],
  ])('raises what keeps a denominator from 0: %#', (base, key, before, after) => {
    const plan = planOf(base)
    const { plan: raised, raised: names } = raiseEpsilons(plan, 1e-4)
    expect(names).toEqual([`${base.name}.${key}`])
    const read = (given: typeof plan) => profileScalars({}, given.profiles[0]!, 3)
    expect(read(plan)[`base.${key}`]).toBe(before)
    expect(read(raised)).toEqual({ ...read(plan), [`base.${key}`]: after })
    expect(raised.hash).toBe(plan.hash)
  })

  it.each<[Preconditioner]>([[adam({ epsilon: 1e-3 })], [adam({ epsilon: 0 })], [sgd()]])(
    'leaves values that are large enough, or intentionally 0: %#',
    (base) => {
      const plan = planOf(base)
      expect(raiseEpsilons(plan, 1e-4)).toEqual({ plan, raised: [] })
      expect(raiseEpsilons(plan, 1e-4).plan).toBe(plan)
    },
  )
})
