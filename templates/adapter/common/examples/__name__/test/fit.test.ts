import { expect, test } from 'vitest'
import { fit } from '../src/fit.js'

test('a line is fitted', () => {
  const losses = fit(300)
  expect(losses.at(-1)).toBeLessThan(losses[0]! / 100)
})
