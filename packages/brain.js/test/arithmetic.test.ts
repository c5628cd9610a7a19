import { describe, expect, it } from 'vitest'
import { outerProduct } from '../src/gradients/arithmetic.js'
import { createRandom } from './support/brain.js'

/** −2·δxᵀ and −2·δ, summed pattern by pattern in the plainest way. */
function expected(patterns: readonly { deltas: Float32Array; inputs: Float32Array }[]) {
  const { deltas, inputs } = patterns[0]!
  const weights = new Float32Array(deltas.length * inputs.length)
  const biases = new Float32Array(deltas.length)
  for (const { deltas, inputs } of patterns) {
    deltas.forEach((delta, row) => {
      biases[row]! += -2 * delta
      inputs.forEach((input, column) => (weights[row * inputs.length + column]! += -2 * delta * input))
    })
  }
  return { weights, biases }
}

describe('the gradient of a layer', () => {
  const random = createRandom(4)
  const pattern = (columns: number, density: number) => ({
    deltas: Float32Array.from({ length: 3 }, () => random() - 0.5),
    inputs: Float32Array.from({ length: columns }, () => (random() < density ? random() : 0)),
  })

  it.each([
    ['few inputs', 5, 1],
    ['many inputs', 200, 1],
    ['many inputs, few of them not zero', 200, 0.1],
    ['more inputs than ever before, few of them not zero', 1000, 0.1],
    ['inputs that are all zero', 100, 0],
  ])('%s: written first, then added to', (_, columns, density) => {
    // A picture that is nearly empty follows a full one.
    const patterns = [pattern(columns, 1), pattern(columns, density), pattern(columns, density)]
    for (const order of [patterns, [...patterns].reverse()]) {
      const weights = new Float32Array(3 * columns).fill(NaN)
      const biases = new Float32Array(3).fill(NaN)
      order.forEach(({ deltas, inputs }, i) => outerProduct(weights, biases, deltas, inputs, -2, i === 0))
      const right = expected(order)
      expect(biases).toEqual(right.biases)
      weights.forEach((value, i) => expect(value).toBeCloseTo(right.weights[i]!, 6))
    }
  })

  it.each([NaN, Infinity])('a delta of %s is seen whatever the inputs', (delta) => {
    const [weights, biases] = [new Float32Array(100), new Float32Array(1)]
    outerProduct(weights, biases, Float32Array.of(delta), new Float32Array(100), -1, true)
    expect(Number.isFinite(biases[0])).toBe(false)
  })
})
