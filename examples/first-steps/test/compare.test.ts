import { adam, heavyBall, rateFree } from '@induced-metric/core'
import { describe, expect, test } from 'vitest'

import { compare, formatComparisons, recipes, tasks } from '../src/compare.js'
import { countStuck } from '../src/tasks/xor.js'

/** Bounds relative to the example's own result, with `steps` and without, where ours need not be better. */
const allowed: Readonly<Record<string, readonly [number, number]>> = {
  // An average of weights lags behind where the loss still falls fast.
  'characters-30': [1.1, 2.5],
  // It begins carefully: stopped early, it may be behind.
  'characters-10': [1.4, 1.2],
}

describe('without a number chosen', () => {
  test.each(tasks.map((task) => [task.id, task] as const))(
    '%s is learnt as well as with the optimiser that its authors chose',
    async (_, task) => {
      const comparison = await compare(task, 1)
      const [withSteps, without] = comparison.recipes.map((result) => result / comparison.own)
      const [most, mostWithout] = allowed[task.id] ?? [1, 1]
      expect(withSteps).toBeLessThan(most)
      expect(without).toBeLessThan(mostWithout)
      expect(formatComparisons([comparison])).toContain(`| ${task.title} | ${task.measure} |`)
    },
  )

  test('exclusive or is learnt from most initial weights with one pattern per step; all four per step need a smaller cap', () => {
    const { 'rateFree(adam())': rateless } = recipes
    const capped = { induced: () => rateFree(adam(), { learningRate: 0.03 }) }
    expect(countStuck(rateless, 1, 40).stuck).toBeLessThan(8)
    expect(countStuck(capped, 4, 40).stuck).toBeLessThan(12)
    expect(countStuck({ induced: () => rateFree(heavyBall(), { learningRate: 10 }) }, 4, 40).stuck).toBe(0)
  })

  test('a run does not affect the next', async () => {
    const [choice] = Object.values(recipes)
    const polynomial = tasks.find(({ id }) => id === 'polynomial')!
    const first = await polynomial.train(choice!, 7)
    await polynomial.train('own', 3)
    expect(await polynomial.train(choice!, 7)).toBe(first)
    expect(await polynomial.train(choice!, 8)).not.toBe(first)
  })
})
