import { describe, expect, it } from 'vitest'
import { medianRule, successiveHalving, uniform } from '../src/index.js'
import { learnThresholds } from '../src/stopping/learned.js'
import { essence, runHere } from './support/runHere.js'

const curve = (...losses: number[]) => losses.map((loss, index) => [index + 1, loss] as const)

describe('the median rule', () => {
  it('has the median of each step, once enough runs came that far', () => {
    const rule = learnThresholds(medianRule({ startup: 3, warmup: 1 }))
    rule.learn(curve(9, 8, 7))
    rule.learn(curve(1, 2, 3))
    expect(rule.thresholds()).toEqual([])
    rule.learn(curve(5, 6))
    expect(rule.thresholds()).toEqual([[2, 6]])
    rule.learn(curve(5, 4, NaN))
    expect(rule.thresholds()).toEqual([
      [2, 5],
      [3, 7],
    ])
  })
})

describe('successive halving', () => {
  it('lets one run in η go on at each rung, itself included', () => {
    const rule = learnThresholds(successiveHalving({ firstStep: 2, factor: 2 }))
    expect(rule.thresholds()).toEqual([])
    rule.learn(curve(5, 9, 1, 1))
    // One other: the better of the two goes on. What counts is the best so far.
    expect(rule.thresholds()).toEqual([
      [2, 5],
      [4, 1],
    ])
    rule.learn(curve(3, 4))
    rule.learn(curve(2))
    expect(rule.thresholds()[0]).toEqual([2, 3])
    rule.learn(curve(9, 7, 8, 2, 2, 2, 2, 2))
    expect(rule.thresholds()).toEqual([
      [2, 5],
      [4, 1],
      [8, 2],
    ])
  })
})

it.each([
  [() => medianRule({ startup: 0 }), 'startup'],
  [() => medianRule({ steps: 1 } as never), 'steps'],
  [() => successiveHalving({ factor: 1 }), 'factor'],
  [() => successiveHalving({ firstStep: 0.5 }), 'firstStep'],
])('options that make no sense are refused: %#', (make, message) => {
  expect(make).toThrow(
    expect.objectContaining({ code: 'ERR_OPTION', message: expect.stringContaining(message) }),
  )
})

describe.each([medianRule({ startup: 3 }), successiveHalving({ firstStep: 2, factor: 3 })])(
  '$name',
  (stopping) => {
    const study = {
      space: { x: uniform(0, 1) },
      metric: 'loss',
      budget: { trials: 40 },
      delay: 3,
      run: ({
        hyperparameters: { x },
        report,
      }: {
        hyperparameters: { x: number }
        report: (m: { loss: number }) => void
      }) => {
        for (let step = 1; step <= 18; step++) report({ loss: x + 1 / step })
      },
    }

    it('spares many steps, and keeps the best', async () => {
      const [whole, early] = [await runHere(study), await runHere({ ...study, stopping })]
      const steps = (results: typeof whole): number =>
        results.trials.flatMap(({ runs }) => runs).reduce((sum, run) => sum + run.steps, 0)
      expect(steps(whole)).toBe(40 * 18)
      expect(steps(early)).toBeLessThan(steps(whole) * 0.75)
      expect(early.best?.mean).toBe(whole.best?.mean)
    })

    it('stops the same runs however many run at a time', async () => {
      const [alone, beside] = [
        await runHere({ ...study, stopping }),
        await runHere({ ...study, stopping }, { capacity: 7 }),
      ]
      expect(essence(beside)).toEqual(essence(alone))
    })
  },
)
