import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { symmetricEigen } from '../src/graph/eigen.js'
import { hostMatrix, inverseRoot, orthogonalFactor } from '../src/graph/linearAlgebra.js'
import { randomArray } from './support.js'

type Matrix = ArrayLike<number>

function product(a: Matrix, b: Matrix, n: number, transposesB = false): Float64Array {
  const c = new Float64Array(n * n)
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++)
      for (let k = 0; k < n; k++)
        c[i * n + j]! += a[i * n + k]! * (transposesB ? b[j * n + k]! : b[k * n + j]!)
  return c
}

function transposed(a: Matrix, n: number): Float64Array {
  return Float64Array.from({ length: n * n }, (_, k) => a[(k % n) * n + Math.floor(k / n)]!)
}

function identity(n: number, value = 1): Float64Array {
  return Float64Array.from({ length: n * n }, (_, k) => (k % (n + 1) === 0 ? value : 0))
}

function symmetric(n: number, seed: number): Float64Array {
  const a = Float64Array.from(randomArray('float64', n * n, seed))
  for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) a[j * n + i] = a[i * n + j]!
  return a
}

function distance(a: Matrix, b: Matrix): number {
  return Math.max(0, ...Array.from(a, (x, i) => Math.abs(x - b[i]!)))
}

/** Scales of a matrix whose squares overflow, or are lost. */
const scales = [1, 1e-200, 1e200, 1e-30]

/** A matrix of a few whole numbers, which has equal and lost eigenvalues more often than a random one. */
const smallMatrices = fc
  .integer({ min: 1, max: 6 })
  .chain((n) =>
    fc.tuple(
      fc.constant(n),
      fc.array(fc.integer({ min: -2, max: 2 }), { minLength: n * n, maxLength: n * n }),
    ),
  )

describe('symmetricEigen', () => {
  const check = (a: Float64Array, n: number): void => {
    const { values, vectors } = symmetricEigen(a, n)
    const size = Math.max(1e-300, ...Array.from(a, Math.abs))
    const scaled = Float64Array.from(vectors, (x, k) => x * (values[k % n]! / size))
    expect(
      distance(
        product(scaled, vectors, n, true),
        a.map((x) => x / size),
      ),
    ).toBeLessThan(1e-13 * n)
    expect(distance(product(transposed(vectors, n), vectors, n), identity(n))).toBeLessThan(1e-13 * n)
    expect([...values]).toEqual([...values].sort((x, y) => x - y))
    for (let j = 0; j < n; j++) {
      const column = Array.from({ length: n }, (_, i) => vectors[i * n + j]!)
      expect(Math.max(...column)).toBeGreaterThanOrEqual(Math.max(...column.map((x) => -x)))
    }
  }

  it.each([1, 2, 3, 7, 40])('takes a matrix of %i rows apart, at every scale', (n) => {
    for (const scale of scales)
      check(
        symmetric(n, n).map((x) => x * scale),
        n,
      )
  })

  it('takes small matrices of whole numbers apart', () => {
    fc.assert(
      fc.property(smallMatrices, ([n, numbers]) => {
        const a = Float64Array.from(numbers)
        for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) a[j * n + i] = a[i * n + j]!
        check(a, n)
      }),
      { numRuns: 300 },
    )
  })

  it.each<[string, number[], number[]]>([
    ['a diagonal', [3, 0, 0, 0, 1, 0, 0, 0, 2], [1, 2, 3]],
    ['zeros', [0, 0, 0, 0], [0, 0]],
    ['ones', [1, 1, 1, 1, 1, 1, 1, 1, 1], [0, 0, 3]],
    ['a number', [-5], [-5]],
    ['nothing', [], []],
  ])('knows %s', (_, a, values) => {
    const found = symmetricEigen(a, values.length)
    expect(distance(found.values, values)).toBeLessThan(1e-14)
  })

  it('reads the lower triangle only', () => {
    expect(symmetricEigen([2, NaN, 1, 2], 2)).toEqual(symmetricEigen([2, 1, 1, 2], 2))
  })

  it.each([NaN, Infinity, -Infinity])('gives NaN for a matrix with %d', (x) => {
    const { values, vectors } = symmetricEigen([1, 0, x, 1], 2)
    expect([...values, ...vectors].every(Number.isNaN)).toBe(true)
    expect(orthogonalFactor([1, 0, x, 1], 2).every(Number.isNaN)).toBe(true)
    expect(inverseRoot([1, 0, x, 1], 2, 2, 0).every(Number.isNaN)).toBe(true)
  })
})

describe('orthogonalFactor', () => {
  const check = (a: Float64Array, n: number): void => {
    const q = orthogonalFactor(a, n)
    expect(distance(product(transposed(q, n), q, n), identity(n))).toBeLessThanOrEqual(1e-13 * n)
    const size = Math.max(1e-300, ...Array.from(a, Math.abs))
    const r = product(
      transposed(q, n),
      a.map((x) => x / size),
      n,
    )
    for (let i = 0; i < n; i++) {
      expect(r[i * n + i]!).toBeGreaterThan(-1e-13 * n)
      for (let j = 0; j < i; j++) expect(Math.abs(r[i * n + j]!)).toBeLessThan(1e-13 * n)
    }
  }

  it.each([0, 1, 2, 3, 4, 7, 40])('is that of %i rows, at every scale', (n) => {
    for (const scale of scales)
      check(
        Float64Array.from(randomArray('float64', n * n, n), (x) => x * scale),
        n,
      )
  })

  it('is orthogonal for singular matrices too', () => {
    fc.assert(
      fc.property(smallMatrices, ([n, numbers]) => check(Float64Array.from(numbers), n)),
      { numRuns: 300 },
    )
  })

  it('is the matrix itself, if that is orthogonal', () => {
    expect([...orthogonalFactor([0, 1, -1, 0], 2)]).toEqual(
      [0, 1, -1, 0].map((x) => expect.closeTo(x, 15) as number),
    )
  })
})

describe('inverseRoot', () => {
  it.each([1, 2, 4])('to the power %i is the inverse', (p) => {
    const n = 5
    const b = randomArray('float64', n * n, 9)
    const a = product(b, b, n, true)
    for (let i = 0; i < n; i++) a[i * n + i]! += 0.1
    const root = inverseRoot(a, n, p, 0)
    let power = identity(n)
    for (let k = 0; k < p; k++) power = product(power, root, n)
    expect(distance(product(power, a, n), identity(n))).toBeLessThan(1e-10)
  })

  it('adds ε times the largest eigenvalue', () => {
    expect([...inverseRoot([4, 0, 0, 0], 2, 2, 0.25)]).toEqual([1 / Math.sqrt(5), 0, 0, 1])
  })

  it('leaves out what is 0 or, by rounding, below it', () => {
    expect([...inverseRoot([4, 0, 0, -1e-20], 2, 2, 0)]).toEqual([0.5, 0, 0, 0])
    expect([...inverseRoot([0, 0, 0, 0], 2, 4, 1e-6)]).toEqual([0, 0, 0, 0])
  })
})

describe('hostMatrix', () => {
  it('computes each operation', () => {
    const a = [2, 1, 1, 2]
    expect(hostMatrix('eigenvalues', 2, [a])).toEqual(symmetricEigen(a, 2).values)
    expect(hostMatrix('eigenvectors', 2, [a])).toEqual(symmetricEigen(a, 2).vectors)
    expect(hostMatrix('qr', 2, [a])).toEqual(orthogonalFactor(a, 2))
    expect(hostMatrix('inverseRoot', 2, [a, [2], [0.5]])).toEqual(inverseRoot(a, 2, 2, 0.5))
  })
})
