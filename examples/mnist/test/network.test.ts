import { createHash } from 'node:crypto'

import { describe, expect, test } from 'vitest'

import { initializeNetwork } from '../src/network/network.js'
import { createRandom, permutation, truncatedNormal } from '../src/random.js'

const mean = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((sum, value) => sum + value, 0) / values.length
const deviation = (values: ArrayLike<number>): number => {
  const centre = mean(values)
  return Math.sqrt(mean(Array.from(values, (value) => (value - centre) ** 2)))
}

describe('the network before training', () => {
  const network = initializeNetwork(createRandom(0))

  test('has 55,050 parameters in three layers', () => {
    expect(network.map(({ name, shape }) => `${name} ${shape.join('×')}`)).toEqual([
      'layer1/weight 784×64',
      'layer1/bias 64',
      'layer2/weight 64×64',
      'layer2/bias 64',
      'layer3/weight 64×10',
      'layer3/bias 10',
    ])
    expect(network.reduce((sum, { data }) => sum + data.length, 0)).toBe(55_050)
  })

  test('has zero biases', () => {
    for (const { name, data } of network)
      if (name.endsWith('bias')) expect(data.every((value) => value === 0)).toBe(true)
  })

  test.each([
    [0, 784],
    [2, 64],
    [4, 64],
  ])('has LeCun-normal weights in array %i', (place, inputs) => {
    const { data } = network[place]!
    const expected = Math.sqrt(1 / inputs)
    // Four standard errors of a mean and of a standard deviation.
    expect(Math.abs(mean(data))).toBeLessThan((4 * expected) / Math.sqrt(data.length))
    expect(Math.abs(deviation(data) / expected - 1)).toBeLessThan(4 / Math.sqrt(2 * data.length))
    const bound = (2 * expected) / 0.8796256610342398
    expect(data.every((value) => Math.abs(value) <= bound * (1 + 1e-6))).toBe(true)
    expect(data.some((value) => Math.abs(value) > 0.9 * bound)).toBe(true)
  })

  test('is the same for the same seed, on every machine', () => {
    const digest = (seed: number): string => {
      const hash = createHash('sha256')
      // To six digits, because logarithm and cosine may differ in the last one.
      for (const { data } of initializeNetwork(createRandom(seed)))
        hash.update(Array.from(data, (value) => value.toFixed(6)).join())
      return hash.digest('hex').slice(0, 16)
    }
    expect(digest(0)).toBe(digest(0))
    expect(digest(0)).not.toBe(digest(1))
    expect(digest(0)).toMatchInlineSnapshot(`"583a1f2b5d5cfa32"`)
  })
})

describe('random numbers', () => {
  test.each([0, 1, 2, 0x9e3779b9, 0xffffffff])('from seed %i are even in the unit interval', (seed) => {
    const random = createRandom(seed)
    const values = Array.from({ length: 20_000 }, random)
    expect(Math.min(...values)).toBeGreaterThanOrEqual(0)
    expect(Math.max(...values)).toBeLessThan(1)
    const tenths = Array.from(
      { length: 10 },
      (_, part) => values.filter((value) => Math.floor(value * 10) === part).length,
    )
    // Chi-squared with nine degrees of freedom exceeds 40 once in a hundred thousand.
    expect(tenths.reduce((sum, count) => sum + (count - 2000) ** 2 / 2000, 0)).toBeLessThan(40)
  })

  test('of neighbouring seeds are unrelated', () => {
    const [one, other] = [createRandom(1), createRandom(2)]
    const pairs = Array.from({ length: 5000 }, () => [one() - 0.5, other() - 0.5] as const)
    const correlation = pairs.reduce((sum, [a, b]) => sum + a * b * 12, 0) / pairs.length
    expect(Math.abs(correlation)).toBeLessThan(4 / Math.sqrt(5000))
  })

  test('that are normal and cut off stay within their bound', () => {
    const random = createRandom(3)
    const values = Array.from({ length: 5000 }, () => truncatedNormal(random, 2))
    expect(Math.max(...values.map(Math.abs))).toBeLessThanOrEqual(2)
    expect(deviation(values)).toBeCloseTo(0.8796, 1)
  })

  test('make permutations', () => {
    const order = permutation(1000, createRandom(4))
    expect(Array.from(order).sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, place) => place))
    expect(order.filter((place, index) => place === index).length).toBeLessThan(10)
  })
})
