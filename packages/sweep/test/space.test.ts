import { describe, expect, it } from 'vitest'
import { choice, defineStudy, integer, logUniform, uniform, when, type Study } from '../src/index.js'
import { createRandom, permutation } from '../src/random.js'
import { fromUnit, spaced, toUnit } from '../src/space/unit.js'
import type { PlainParameter } from '../src/space/space.js'

const parameters: Record<string, PlainParameter> = {
  uniform: uniform(-2, 3),
  logUniform: logUniform(1e-4, 10),
  integer: integer(-2, 4),
  'integer by logarithm': integer(1, 300, { log: true }),
  choice: choice(['a', 0, null, [1, 2]]),
}

describe.each(Object.entries(parameters))('%s', (_, parameter) => {
  const units = Array.from({ length: 999 }, (_, i) => (i + 0.5) / 999)

  it('takes its values from within, and gives back their place', () => {
    for (const unit of [0, ...units, 1 - 2 ** -53]) {
      const value = fromUnit(parameter, unit)
      if (parameter.kind === 'choice') expect(parameter.values).toContainEqual(value)
      else {
        expect(value).toBeGreaterThanOrEqual(parameter.low)
        expect(value).toBeLessThanOrEqual(parameter.high)
        if (parameter.kind === 'integer') expect(Number.isInteger(value)).toBe(true)
      }
      // A place of the same part, if not the same place.
      expect(fromUnit(parameter, toUnit(parameter, value))).toSatisfy((again) =>
        typeof again === 'number' ? Math.abs(again - (value as number)) < 1e-9 : Object.is(again, value),
      )
    }
  })

  it('has all of its values in a grid, or as many as are asked for', () => {
    const values = spaced(parameter, 5)
    if (parameter.kind === 'choice') expect(values).toEqual(parameter.values)
    else {
      expect([values[0], values.at(-1), values.length]).toEqual([parameter.low, parameter.high, 5])
      expect([...values].sort((a, b) => (a as number) - (b as number))).toEqual(values)
    }
  })
})

it('learning rates are spaced by their logarithm', () => {
  expect(spaced(logUniform(1e-4, 1), 5)).toEqual(
    [1e-4, 1e-3, 1e-2, 1e-1, 1].map((rate): unknown => expect.closeTo(rate, 12)),
  )
})

describe('random numbers', () => {
  it('follow from their parts, and differ with any of them', () => {
    const streams = [[0], [1], [0, 0], [0, 1], [1, 0]].map((parts) => createRandom(...parts)())
    expect(new Set(streams).size).toBe(5)
    expect(createRandom(7, 8)()).toBe(createRandom(7, 8)())
  })

  it('are uniform: mean, variance, and neighbouring streams without correlation', () => {
    const draws = Array.from({ length: 20_000 }, (_, index) => createRandom(3, index)())
    const mean = draws.reduce((sum, x) => sum + x, 0) / draws.length
    const variance = draws.reduce((sum, x) => sum + (x - mean) ** 2, 0) / draws.length
    const together =
      draws.slice(1).reduce((sum, x, i) => sum + (x - mean) * (draws[i]! - mean), 0) / draws.length
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.01)
    expect(Math.abs(variance - 1 / 12)).toBeLessThan(0.003)
    expect(Math.abs(together)).toBeLessThan(0.002)
    expect(draws.every((x) => x >= 0 && x < 1)).toBe(true)
  })

  it('make permutations', () => {
    const order = permutation(50, createRandom(1))
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i))
    expect(order).not.toEqual([...order].sort((a, b) => a - b))
  })
})

describe('what makes no sense is refused', () => {
  const study: Study = { space: { x: uniform(0, 1) }, metric: 'loss', budget: { trials: 1 }, run: () => 0 }
  it.each([
    ['an empty range', () => uniform(1, 1), 'the smaller first'],
    ['a range to infinity', () => uniform(0, Infinity), 'finite'],
    ['a logarithm of zero', () => logUniform(0, 1), 'above 0'],
    ['a fraction as a whole number', () => integer(0, 1.5), 'whole'],
    ['no choice', () => choice([]), 'choice'],
    ['a choice that JSON lacks', () => choice([NaN]), 'JSON'],
    ['a choice that is there twice', () => choice([1, 1]), 'twice'],
    [
      'a condition in a condition',
      () => when({ x: 1 }, when({ y: 1 }, uniform(0, 1)) as never),
      'when takes',
    ],
    ['no condition', () => when({}, uniform(0, 1)), 'at least one'],
    ['an unknown option', () => defineStudy({ ...study, trials: 3 } as never), 'no "trials"'],
    [
      'a condition on a later parameter',
      () => defineStudy({ ...study, space: { a: when({ b: 1 }, uniform(0, 1)), b: choice([1]) } }),
      'before it',
    ],
    ['no space', () => defineStudy({ ...study, space: {} }), 'space'],
    ['no budget', () => defineStudy({ ...study, budget: {} }), 'budget.trials'],
    ['no metric', () => defineStudy({ ...study, metric: '' }), 'metric'],
    ['no function', () => defineStudy({ ...study, run: undefined as never }), 'run'],
    ['no seeds', () => defineStudy({ ...study, seeds: [] }), 'seeds'],
    ['a seed twice', () => defineStudy({ ...study, seeds: [1, 1] }), 'twice'],
    ['a name with a slash', () => defineStudy({ ...study, name: 'a/b' }), 'name'],
    ['a delay of none', () => defineStudy({ ...study, delay: 0 }), 'delay'],
  ])('%s', (_, make, message) => {
    expect(make).toThrow(
      expect.objectContaining({ code: 'ERR_OPTION', message: expect.stringContaining(message) }),
    )
  })
})
