import { expect, test } from 'vitest'
import { fit } from '../src/fit.js'

test('a convolutional net tells circles from crosses', () => {
  const { losses, accuracy } = fit(600)
  const mean = (part: readonly number[]): number => part.reduce((sum, loss) => sum + loss, 0) / part.length
  expect(mean(losses.slice(-100))).toBeLessThan(mean(losses.slice(0, 100)) / 3)
  expect(accuracy).toBeGreaterThan(0.9)
})
