import { describe, expect, test } from 'vitest'

import { learn, leastLoss, rhyme } from '../src/rhyme.js'

describe('a rhyme', () => {
  test.each([1, 2, 3, 4, 5])(
    'is learnt with exact gradients and not with brain.js’s own, seed %s',
    (seed) => {
      const [exact, stock] = [learn('exact', seed), learn('stock', seed)]
      expect(exact.loss).toBeGreaterThan(leastLoss * 0.95)
      expect(exact.loss).toBeLessThan(leastLoss * 1.25)
      expect(exact.recited).toBe(rhyme.length)
      expect(stock.loss).toBeGreaterThan(2 * exact.loss)
      expect(stock.recited).toBeLessThan(rhyme.length)
    },
  )
})
