import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { reduceOnPlateau, type PlateauOptions, type PlateauState } from '@induced-metric/core'
import { expectError } from './support.js'

/** Written by scripts/golden/schedules.py. */
const fixture = JSON.parse(readFileSync(new URL('fixtures/schedules.json', import.meta.url), 'utf8')) as {
  readonly plateaus: readonly {
    readonly name: string
    readonly options: PlateauOptions
    readonly metrics: readonly (number | string)[]
    readonly rates: readonly number[]
  }[]
}

describe('reduceOnPlateau', () => {
  it.each(fixture.plateaus.map((one) => [one.name, one] as const))(
    'gives the rates of torch.optim.lr_scheduler.ReduceLROnPlateau: %s',
    (_, { options, metrics, rates }) => {
      const plateau = reduceOnPlateau(options)
      expect(plateau.learningRate).toBe(options.learningRate)
      expect(metrics.map((metric) => plateau.update(Number(metric)))).toEqual(rates)
      expect(plateau.learningRate).toBe(rates.at(-1))
      expect(new Set(rates).size).toBeGreaterThan(1)
    },
  )

  it.each(fixture.plateaus.map((one) => [one.name, one] as const))(
    'goes on from its state, as JSON, at any place: %s',
    (_, { options, metrics, rates }) => {
      for (let place = 0; place < metrics.length; place += 7) {
        const first = reduceOnPlateau(options)
        for (const metric of metrics.slice(0, place)) first.update(Number(metric))
        const second = reduceOnPlateau({ ...options, learningRate: 1 })
        second.load(JSON.parse(JSON.stringify(first.save())) as PlateauState)
        expect(second.learningRate).toBe(rates[place - 1] ?? options.learningRate)
        const rest = metrics.slice(place).map((metric) => second.update(Number(metric)))
        expect(rest).toEqual(rates.slice(place))
      }
    },
  )

  it('takes back a state whose best value is infinite', () => {
    const plateau = reduceOnPlateau({ learningRate: 1 })
    plateau.update(-Infinity)
    plateau.load(plateau.save())
    expect(plateau.save().best).toBe(-Infinity)
  })

  it('gives its state away as a copy', () => {
    const plateau = reduceOnPlateau({ learningRate: 1, patience: 1 })
    plateau.update(3)
    const state = plateau.save()
    expect(state).toEqual({ learningRate: 1, best: 3, badUpdates: 0, cooldown: 0 })
    plateau.update(4)
    expect(state.badUpdates).toBe(0)
    expect(plateau.save().badUpdates).toBe(1)
  })

  it.each<[string, unknown, ...string[]]>([
    ['nothing', undefined, 'reduceOnPlateau takes an object'],
    ['no learning rate', {}, 'learningRate', 'undefined'],
    ['a factor of 1', { learningRate: 1, factor: 1 }, 'factor', '[0, 1)'],
    ['half a patience', { learningRate: 1, patience: 0.5 }, 'patience', 'whole number'],
    ['a negative cooldown', { learningRate: 1, cooldown: -1 }, 'cooldown'],
    ['a negative minimum', { learningRate: 1, minimum: -1 }, 'minimum'],
    ['another mode', { learningRate: 1, mode: 'auto' }, 'mode', '"max"'],
    ['another threshold', { learningRate: 1, thresholdMode: 'rel' }, 'thresholdMode', '"relative"'],
    ['an unknown option', { learningRate: 1, wait: 3 }, '"wait"'],
  ])('refuses %s', (_, options, ...words) => {
    expectError(() => reduceOnPlateau(options as PlateauOptions), 'ERR_OPTION', ...words)
  })

  it('refuses values that are no numbers, and states that are none of its own', () => {
    const plateau = reduceOnPlateau({ learningRate: 1, patience: 0 })
    plateau.update(1)
    const before = plateau.save()
    expectError(() => plateau.update('1' as never), 'ERR_OPTION', '"1"')
    expectError(() => plateau.update(undefined as never), 'ERR_OPTION', 'undefined')
    for (const wrong of [
      undefined,
      {},
      { ...before, learningRate: -1 },
      { ...before, best: '1' },
      { ...before, best: NaN },
      { ...before, badUpdates: 0.5 },
      { ...before, cooldown: undefined },
      { ...before, step: 1 },
    ])
      expectError(() => plateau.load(wrong as never), 'ERR_OPTION', 'a state of reduceOnPlateau')
    expect(plateau.save()).toEqual(before)
  })
})
