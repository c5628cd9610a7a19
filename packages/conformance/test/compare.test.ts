import { describe, expect, it } from 'vitest'
import { singularValues, solve } from '../src/checks/linear.js'
import { expectBits, expectClose, expectError, expectSame, type Ledger } from '../src/compare.js'
import { golden, newtonSchulz } from '../src/golden/index.js'
import { allCapabilities, allCapabilitiesBut, toleranceOf } from '../src/index.js'
import { manifestProblems } from '../src/manifest.js'
import { createRandom } from '../src/random.js'

describe('comparisons', () => {
  it('are relative to the largest of what is expected', () => {
    const ledger: Ledger = {}
    expectClose(ledger, 'x', [1000, 1.0009], [1000, 1], 1e-6)
    expect(ledger.worst).toMatchObject({ where: 'x', tolerance: 1e-6 })
    expect(ledger.worst!.error).toBeCloseTo(9e-7, 12)
    expect(() => expectClose({}, 'x', [1000, 1.0011], [1000, 1], 1e-6)).toThrow(
      /x, element 1: 1\.0011, expected 1 /,
    )
  })

  it('tell NaN and infinities from numbers and from one another', () => {
    expectClose({}, 'x', [NaN, Infinity], [NaN, Infinity], 1e-12)
    for (const [got, expected] of [
      [NaN, 1],
      [1, NaN],
      [Infinity, 1],
      [Infinity, -Infinity],
      [1, Infinity],
    ] as const) {
      expect(() => expectClose({}, 'x', [got, 5], [expected, 5], 1)).toThrow(/expected/)
    }
  })

  it('compare with 0 absolutely', () => {
    expectClose({}, 'x', [1e-13], [0], 1e-12)
    expect(() => expectClose({}, 'x', [1e-11], [0], 1e-12)).toThrow(/expected 0/)
  })

  it('tell lengths apart', () => {
    expect(() => expectClose({}, 'x', [1], [1, 2], 1)).toThrow(/1 elements, expected 2/)
    expect(() => expectSame({}, 'x', [1, 2], [1])).toThrow(/2 elements, expected 1/)
    expect(() => expectBits('x', new Float32Array(1), new Float32Array(2))).toThrow(/4 bytes, expected 8/)
  })

  it('see the last bit', () => {
    expect(() => expectSame({}, 'x', [1 + Number.EPSILON], [1])).toThrow(/expected exactly 1/)
    expect(() => expectBits('x', new Float64Array([0]), new Float64Array([-0]))).toThrow(
      /byte 7 of 8 is 0, was 128/,
    )
  })

  it('keep the worst', () => {
    const ledger: Ledger = {}
    expectClose(ledger, 'a', [1.1], [1], 0.2)
    expectClose(ledger, 'b', [1.15], [1], 0.2)
    expectClose(ledger, 'c', [1.1], [1], 0.2)
    expect(ledger.worst!.where).toBe('b')
  })

  it('want the code that is expected, of the class that is expected', async () => {
    class Own extends Error {
      readonly code: string
      constructor(code: string) {
        super('own')
        this.code = code
      }
    }
    const raise = (code: string) => () => Promise.reject(new Own(code))
    await expectError('it', 'ERR_A', raise('ERR_A'), Own)
    await expect(expectError('it', 'ERR_A', raise('ERR_B'))).rejects.toThrow(
      'it: expected ERR_A, but ERR_B was thrown',
    )
    await expect(expectError('it', 'ERR_A', () => 1)).rejects.toThrow(
      'it: expected ERR_A, but nothing was thrown',
    )
    await expect(expectError('it', 'ERR_A', raise('ERR_A'), TypeError)).rejects.toThrow(
      /two copies of the core/,
    )
    const plain = () => Promise.reject(new RangeError('out'))
    await expect(expectError('it', 'ERR_A', plain)).rejects.toThrow(
      'expected ERR_A, but RangeError was thrown: out',
    )
  })
})

describe('tolerances', () => {
  it('follow from the arithmetic', () => {
    expect(toleranceOf({ elementwise: 'float64', sums: 'float64' }, 'float64', 10)).toBe(1e-12)
    expect(toleranceOf({ elementwise: 'float32', sums: 'float64' }, 'float32', 1e6)).toBe(2e-5)
    expect(toleranceOf({ elementwise: 'float32', sums: 'float32' }, 'float32', 1000)).toBeCloseTo(
      2e-5 + 1000 / 2 ** 24,
    )
    expect(toleranceOf({ elementwise: 'float32', sums: 'float64' }, 'float64', 1)).toBe(2e-5)
  })
})

describe('manifests', () => {
  const good = {
    name: 'a',
    version: '1',
    dtypes: ['float32'],
    arithmetic: { float32: { elementwise: 'float32', sums: 'float32' } },
    capabilities: allCapabilitiesBut('bitwise'),
  }
  it('are checked in words', () => {
    expect(manifestProblems(good)).toEqual([])
    expect(manifestProblems(null)).toEqual(['manifest must be an object'])
    expect(manifestProblems({ ...good, capabilities: ['base/sdg'] })[0]).toMatch(
      /names "base\/sdg"; known: base\/sgd/,
    )
    expect(manifestProblems({ ...good, dtypes: [] })[0]).toMatch(/dtypes must list/)
    expect(manifestProblems({ ...good, dtypes: ['float32', 'float64'] })[0]).toMatch(
      /arithmetic\.float64 must be/,
    )
    expect(manifestProblems({})).toHaveLength(4)
  })
  it('can leave out capabilities by name', () => {
    expect(good.capabilities).toEqual(allCapabilities.filter((name) => name !== 'bitwise'))
  })
})

describe('linear algebra of the checks', () => {
  it('solves', () => {
    const x = solve(Float64Array.from([0, 2, 1, 1]), Float64Array.from([4, 3]))
    expect([...x]).toEqual([1, 2])
  })
  it('finds singular values: of a diagonal, of a rank-one matrix, and the norm of any', () => {
    expect(singularValues([3, 0, 0, -2], 2, 2)).toEqual([3, 2])
    const rankOne = singularValues([1, 2, 2, 4], 2, 2).sort((a, b) => b - a)
    expect(rankOne[0]).toBeCloseTo(5, 12)
    expect(rankOne[1]).toBeCloseTo(0, 12)
    for (const { input, shape, output, singularValues: published } of newtonSchulz) {
      // The vectors' singular values are those of the output.
      const got = singularValues(output, ...shape).sort((a, b) => b - a)
      got.forEach((value, i) => expect(value).toBeCloseTo(published[i]!, 8))
      const square = input.reduce((sum, x) => sum + x * x, 0)
      const sum = singularValues(input, ...shape).reduce((total, x) => total + x * x, 0)
      expect(Math.abs(sum - square)).toBeLessThanOrEqual(1e-12 * square)
    }
  })
})

describe('random numbers', () => {
  it('are uniform and normal enough', () => {
    const random = createRandom(3)
    const uniform = Array.from({ length: 20_000 }, () => random.uniform())
    expect(Math.abs(uniform.reduce((a, b) => a + b) / uniform.length - 0.5)).toBeLessThan(0.01)
    expect(Math.min(...uniform)).toBeGreaterThanOrEqual(0)
    expect(Math.max(...uniform)).toBeLessThan(1)
    const normal = Array.from({ length: 20_000 }, () => random.normal())
    const variance = normal.reduce((sum, x) => sum + x * x, 0) / normal.length
    expect(Math.abs(variance - 1)).toBeLessThan(0.05)
    expect(normal).not.toContain(0)
    expect(normal.every((x) => Number.isInteger(x * 4096) && Math.fround(x) === x)).toBe(true)
  })
  it('differ by seed and repeat by seed', () => {
    const draw = (seed: number): number[] => {
      const random = createRandom(seed)
      return Array.from({ length: 4 }, () => random.uniform())
    }
    expect(draw(1)).toEqual(draw(1))
    expect(draw(1)).not.toEqual(draw(2))
    const below = createRandom(1)
    expect(
      Array.from({ length: 200 }, () => below.below(3)).every((n) => n === 0 || n === 1 || n === 2),
    ).toBe(true)
  })
})

it('holds the golden vectors', () => {
  expect(Object.values(golden).flat()).toHaveLength(52)
})
