import { describe, expect, it } from 'vitest'
import {
  adam,
  cosine,
  createOptimizer,
  decodeCheckpoint,
  encodeCheckpoint,
  fromJSON,
  inducedMetric,
  log,
  sgd,
  type Transformation,
} from '@induced-metric/core'
import { createModelOptimizer, planStep } from '@induced-metric/core/adapter'
import { withLearningRate } from '../src/step/learningRate.js'
import { expectError, gradientsOf, optimizerOver, stateBits, type Tensor } from './support.js'

const tensors: readonly Tensor[] = [
  { name: 'w', shape: [3, 4] },
  { name: 'b', shape: [4], group: 'biases' },
]

function after(transformation: Transformation, steps: number, set: Record<number, number> = {}) {
  return (['reference', 'auto'] as const).map((engine) => {
    const optimizer = optimizerOver(transformation, tensors, { engine })
    for (let step = 1; step <= steps; step++) {
      const rate = set[step]
      if (rate !== undefined) optimizer.learningRate = rate
      optimizer.step(gradientsOf(optimizer, step), { loss: 3 / step })
    }
    return optimizer
  })
}

describe('the learning rate of an optimiser', () => {
  const schedule = cosine({ from: 0.1, steps: 10 })
  const base = { embedding: log(), weightDecay: 0.1 }

  it('is that of the next step', () => {
    const [fixed] = after(inducedMetric(adam(), { ...base, learningRate: 0.3 }), 0)
    expect(fixed!.learningRate).toBe(0.3)
    const [scheduled] = after(inducedMetric(adam(), { ...base, learningRate: schedule }), 4)
    expect(scheduled!.learningRate).toBe(schedule(5))
    expect(scheduled!.report.learningRate).toBe(schedule(4))
  })

  it.each([
    ['a number', 0.1],
    ['a schedule', schedule],
  ])('acts from the next step on when it is set, in place of %s', (_, learningRate) => {
    const at = typeof learningRate === 'number' ? () => learningRate : learningRate
    const rates = (step: number): number => (step < 3 ? at(step) : step < 5 ? 0.02 : 0)
    const expected = after(inducedMetric(adam(), { ...base, learningRate: rates }), 6)
    const got = after(inducedMetric(adam(), { ...base, learningRate }), 6, { 3: 0.02, 5: 0 })
    expect(got.map(stateBits)).toEqual(expected.map(stateBits))
    expect(got.map(({ report }) => report)).toEqual(expected.map(({ report }) => report))
    expect(got[0]!.learningRate).toBe(0)
    // It could be told from one that was not set.
    const plain = after(inducedMetric(adam(), { ...base, learningRate }), 6)
    expect(stateBits(plain[0]!)).not.toEqual(stateBits(expected[0]!))
  })

  it.each([
    ['a number', 0.1, 0.1],
    ['a schedule', schedule, schedule],
  ])('leaves a group the one it has for itself, where it was %s', (_, learningRate, own) => {
    const options = { learningRate, metricScope: 'group' } as const
    const groups = { biases: { learningRate: 0.7 } }
    const [kept] = after(inducedMetric(sgd(), { ...options, groups }), 2, { 2: 0.01 })
    const [expected] = after(
      inducedMetric(sgd(), {
        ...options,
        groups,
        learningRate: (step) => (step === 1 ? (typeof own === 'number' ? own : own(1)) : 0.01),
      }),
      2,
    )
    expect(stateBits(kept!)).toEqual(stateBits(expected!))
    // A group that only sets something else follows, and so does one that comes out of JSON.
    const follower = inducedMetric(sgd(), { ...options, groups: { biases: { beta: 0.5 } } })
    for (const transformation of [follower, fromJSON(structuredClone(follower.toJSON()))]) {
      const plan = withLearningRate(planStep(transformation, tensors), 0.01)
      expect(plan.profiles.map(({ settings }) => settings.learningRate)).toEqual([0.01, 0.01])
    }
  })

  it('is read by everything that depends on it, in the plan with the rate that was set', () => {
    const groups = { biases: { learningRate: 0.7 } }
    const plan = planStep(inducedMetric(sgd(), { learningRate: schedule, groups }), tensors)
    expect(withLearningRate(plan, undefined)).toBe(plan)
    const fixed = withLearningRate(plan, 0.01)
    expect(fixed.profiles.map(({ settings }) => settings.learningRate)).toEqual([0.01, 0.7])
    expect(fixed.units.map(({ settings }) => settings.learningRate)).toEqual([0.01, 0.7])
    expect(fixed.hash).toBe(plan.hash)
    expect(plan.profiles[0]!.settings.learningRate).toBe(schedule)
  })

  it.each([NaN, Infinity, -1, '0.1', undefined, null, schedule])('cannot be set to %s', (value) => {
    const [optimizer] = after(inducedMetric(adam(), { ...base, learningRate: 0.1 }), 2, { 2: 0.05 })
    const before = stateBits(optimizer!)
    expectError(() => (optimizer!.learningRate = value as number), 'ERR_OPTION', 'learningRate must be')
    expect(optimizer!.learningRate).toBe(0.05)
    expect(stateBits(optimizer!)).toEqual(before)
    optimizer!.dispose()
    expectError(() => (optimizer!.learningRate = 1), 'ERR_DISPOSED')
  })

  it('continues with the rate of a checkpoint', () => {
    const transformation = inducedMetric(adam(), { ...base, learningRate: schedule })
    const [set] = after(transformation, 4, { 3: 0.02 })
    const [unset] = after(transformation, 4)
    const [a, b] = [encodeCheckpoint(set!.save()), encodeCheckpoint(unset!.save())]
    expect(decodeCheckpoint(a).learningRate).toBe(0.02)
    // Where none was set, the bytes are those of releases that had none to set.
    expect(Buffer.from(b).toString('latin1')).not.toContain('learningRate')

    const [resumed] = after(transformation, 0)
    resumed!.load(a)
    expect([resumed!.learningRate, resumed!.fixedLearningRate]).toEqual([0.02, 0.02])
    resumed!.load(b)
    expect([resumed!.learningRate, resumed!.fixedLearningRate]).toEqual([schedule(5), undefined])

    const bad = { ...set!.save(), learningRate: -1 }
    expectError(() => resumed!.load(bad), 'ERR_CHECKPOINT', 'learning rate', '-1')
    expect(resumed!.learningRate).toBe(schedule(5))
  })

  it('stays set where parameters are added', () => {
    const optimizer = createOptimizer(inducedMetric(sgd(), { learningRate: 0.1, xi: 0 }), [
      { name: 'a', shape: [1], data: new Float64Array([1]) },
    ])
    optimizer.learningRate = 0.5
    optimizer.add([{ name: 'b', shape: [1], data: new Float64Array([1]) }])
    optimizer.step([new Float64Array([1]), new Float64Array([1])])
    expect(optimizer.parameters.map(({ data }) => data[0])).toEqual([0.5, 0.5])
  })

  it('stays set where a model has other arrays and its optimiser starts over', () => {
    const model = { w: new Float64Array([1]) }
    const optimizer = createModelOptimizer(inducedMetric(sgd(), { learningRate: 0.1, xi: 0 }), () => [
      { name: 'w', shape: [1], data: model.w },
    ])
    expect(optimizer.learningRate).toBe(0.1)
    optimizer.learningRate = 0.5
    model.w = new Float64Array([1])
    optimizer.follow()
    optimizer.step([new Float64Array([1])])
    expect([model.w[0], optimizer.fixedLearningRate]).toEqual([0.5, 0.5])
    optimizer.load({ ...optimizer.save(), learningRate: 0.25 })
    model.w = new Float64Array([1])
    optimizer.follow()
    expect(optimizer.learningRate).toBe(0.25)
  })
})
