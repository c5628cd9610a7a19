import { describe, expect, test } from 'vitest'

import { compare, formatComparisons, recipes, tasks } from '../src/compare.js'
import { charactersBriefly } from '../src/tasks/characters.js'

describe('without a number chosen', () => {
  test.each(tasks.map((task) => [task.id, task] as const))(
    '%s is learnt as well as with the optimiser that its authors chose',
    async (_, task) => {
      const comparison = await compare(task, 1)
      // It begins with care: stopped early, it may be behind.
      const allowed = task === charactersBriefly ? 1.3 * comparison.own : comparison.own
      for (const result of comparison.recipes) expect(result).toBeLessThan(allowed)
      expect(formatComparisons([comparison])).toContain(`| ${task.title} | ${task.measure} |`)
    },
  )

  test('a run leaves nothing to the next', async () => {
    const [choice] = Object.values(recipes)
    const polynomial = tasks.find(({ id }) => id === 'polynomial')!
    const first = await polynomial.train(choice!, 7)
    await polynomial.train('own', 3)
    expect(await polynomial.train(choice!, 7)).toBe(first)
    expect(await polynomial.train(choice!, 8)).not.toBe(first)
  })
})
