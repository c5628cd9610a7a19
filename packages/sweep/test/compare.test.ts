import { describe, expect, it } from 'vitest'
import { choice, grid } from '../src/index.js'
import { compareBy, compareConfigurations } from '../src/results.js'
import { createRandom } from '../src/random.js'
import { bootstrapInterval } from '../src/statistics/compare.js'
import { quantile } from '../src/statistics/quantile.js'
import { runHere } from './support/runHere.js'

const noise = (...parts: number[]): number => {
  const random = createRandom(...parts)
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}

// The seed makes a larger difference than the kind does.
const study = {
  space: { kind: choice(['good', 'bad', 'broken']), size: choice([1, 2]) },
  metric: { name: 'accuracy', goal: 'maximize' },
  sampler: grid(),
  seeds: 12,
  run: ({
    hyperparameters: { kind, size },
    seed,
  }: {
    hyperparameters: { kind: string; size: number }
    seed: number
  }) => {
    if (kind === 'broken') return NaN
    return 5 * noise(seed) + (kind === 'good' ? 1 : 0) + size / 2 + 0.2 * noise(seed, size, kind.length)
  },
} as const

describe('a comparison', () => {
  it('takes what seeds do to both out of the difference', async () => {
    const results = await runHere(study)
    const [good, bad] = [1, 3]
    const { difference, interval, differences } = compareConfigurations(results, good, bad)
    expect(differences.map(({ seed }) => seed)).toEqual(Array.from({ length: 12 }, (_, i) => i + 1))
    expect(difference).toBeCloseTo(1, 0)
    expect(interval[0]).toBeGreaterThan(0.7)
    expect(interval[1]).toBeLessThan(1.3)
    expect(interval[0]).toBeLessThan(difference)
    expect(interval[1]).toBeGreaterThan(difference)
    // Without pairs the spread over seeds would cover it.
    expect(results.trials[good]!.deviation).toBeGreaterThan(2)
    expect(compareConfigurations(results, bad, good).difference).toBe(-difference)
  })

  it('is of the best configuration of each value, the best value first', async () => {
    const found = compareBy(await runHere(study), 'kind')
    expect(found.map(({ value, best, tried }) => [value, best.configuration, tried])).toEqual([
      ['good', 1, 2],
      ['bad', 3, 2],
    ])
    expect(found[0]!.comparison).toBeUndefined()
    expect(found[1]!.comparison!.difference).toBeLessThan(0)
  })

  it('of runs without a result, or of none, is refused or empty', async () => {
    const results = await runHere(study)
    expect(compareConfigurations(results, 1, 4)).toMatchObject({
      differences: [],
      difference: NaN,
      interval: [NaN, NaN],
    })
    expect(() => compareConfigurations(results, 1, 99)).toThrow('configuration 99')
    expect(() => compareConfigurations(results, 1, 2, { level: 95 })).toThrow('level')
    expect(() => compareBy(results, 'colour')).toThrow('"colour"')
  })
})

describe('bootstrap intervals', () => {
  // Shares of intervals at 95 % that hold the mean 0 of normal numbers, as the doc comment of compareConfigurations says.
  it.each([
    [5, 0.8, 0.88],
    [10, 0.87, 0.93],
    [30, 0.91, 0.97],
  ])('hold the true mean as often as documented: %i values', (count, least, most) => {
    let held = 0
    const rounds = 600
    for (let round = 0; round < rounds; round++) {
      const [low, high] = bootstrapInterval(
        Array.from({ length: count }, (_, i) => noise(count, round, i)),
        0.95,
        400,
      )
      if (low <= 0 && high >= 0) held++
    }
    expect(held / rounds).toBeGreaterThan(least)
    expect(held / rounds).toBeLessThan(most)
  })

  it('are the same for the same values', () => {
    expect(bootstrapInterval([1, 2, 4], 0.9, 100)).toEqual(bootstrapInterval([1, 2, 4], 0.9, 100))
  })
})

it('quantiles lie between the values', () => {
  expect([0, 0.25, 0.5, 1].map((share) => quantile([1, 2, 3, 10], share))).toEqual([1, 1.75, 2.5, 10])
  expect(quantile([1, Infinity], 0)).toBe(1)
  expect(quantile([Infinity, Infinity], 0.5)).toBe(Infinity)
})
