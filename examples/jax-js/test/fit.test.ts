import { expect, test } from 'vitest'
import { fit } from '../src/fit.js'

test('a line is fitted', () => {
  const { losses, weight, bias } = fit(200)
  expect(losses.at(-1)).toBeLessThan(losses[0]! / 100)
  expect(weight).toBeCloseTo(2, 1)
  expect(bias).toBeCloseTo(-1, 1)
})
