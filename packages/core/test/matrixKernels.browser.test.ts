import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { symmetricEigen } from '../src/graph/eigen.js'
import { inverseRoot, orthogonalFactor } from '../src/graph/linearAlgebra.js'
import type { Page } from './browser/matrixPage.js'
import { openGpuTab, type GpuTab } from './browser/gpuTab.js'
import { randomArray } from './support.js'

// What kernels compute of matrices as a whole, beside the host's results in double precision.

let tab: GpuTab<Page>
beforeAll(async () => {
  tab = await openGpuTab(fileURLToPath(new URL('browser/matrixPage.ts', import.meta.url)))
})
afterAll(() => tab.close())
afterEach(() => expect(tab.problems.splice(0)).toEqual([]))

type Matrix = readonly number[]

function matrix(n: number, at: (i: number, j: number) => number): number[] {
  return Array.from({ length: n * n }, (_, k) => Math.fround(at(Math.floor(k / n), k % n)))
}

const random = (n: number, seed: number): number[] => Array.from(randomArray('float32', n * n, seed))

/** A symmetric matrix of this rank, whose eigenvalues are not negative. */
function semidefinite(n: number, rank: number, seed: number): number[] {
  const a = random(n, seed)
  return matrix(n, (i, j) => {
    let total = 0
    for (let k = 0; k < rank; k++) total += a[i * n + k]! * a[j * n + k]!
    return total
  })
}

function product(a: ArrayLike<number>, b: ArrayLike<number>, n: number): number[] {
  const result = Array.from({ length: n * n }, () => 0)
  for (let i = 0; i < n; i++)
    for (let k = 0; k < n; k++)
      for (let j = 0; j < n; j++) result[i * n + j]! += a[i * n + k]! * b[k * n + j]!
  return result
}

const transposed = (a: ArrayLike<number>, n: number): number[] =>
  Array.from({ length: n * n }, (_, k) => a[(k % n) * n + Math.floor(k / n)]!)

const largest = (a: ArrayLike<number>): number => Math.max(0, ...Array.from(a, Math.abs))

function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return Math.max(0, ...Array.from(a, (x, i) => Math.abs(x - b[i]!)))
}

/** The error that sums of `n` numbers in single precision may have, with some room. */
const bound = (n: number): number => 1e-6 * (4 + Math.sqrt(n))

function checkOrthogonal(q: Matrix, n: number): void {
  const one = matrix(n, (i, j) => (i === j ? 1 : 0))
  expect(distance(product(transposed(q, n), q, n), one)).toBeLessThan(bound(n))
}

function checkEigen(a: Matrix, n: number, { values, vectors }: Record<string, number[]>): void {
  const size = largest(a) * Math.sqrt(n) || 1
  const expected = symmetricEigen(a, n)
  expect(distance(values!, expected.values) / size).toBeLessThan(bound(n))
  expect(values).toEqual([...values!].sort((x, y) => x - y))
  checkOrthogonal(vectors!, n)
  const scaled = vectors!.map((x, k) => x * values![k % n]!)
  expect(distance(product(scaled, transposed(vectors!, n), n), a) / size).toBeLessThan(bound(n))
  for (let j = 0; j < n; j++) {
    const column = Array.from({ length: n }, (_, i) => vectors![i * n + j]!)
    expect(Math.max(...column)).toBe(largest(column))
  }
}

function checkFactor(a: Matrix, n: number, { factor }: Record<string, number[]>): void {
  checkOrthogonal(factor!, n)
  // QᵀA is R: nothing below its diagonal, and no negative number on it.
  const r = product(transposed(factor!, n), a, n)
  const size = largest(a) * Math.sqrt(n) || 1
  r.forEach((x, k) => {
    const [i, j] = [Math.floor(k / n), k % n]
    if (i > j) expect(Math.abs(x) / size).toBeLessThan(bound(n))
    else if (i === j) expect(x / size).toBeGreaterThan(-bound(n))
  })
}

// The last has more rows than a workgroup has threads.
it.each([1, 2, 5, 33, 270])('computes with matrices of %i rows', { timeout: 120_000 }, async (n) => {
  const all = [semidefinite(n, Math.ceil(n / 3), 3), semidefinite(n, n, 5), random(n, 7)]
  const given = n > 100 ? all.slice(0, 1) : all
  const found = await tab.call('compute', n, given)
  given.forEach((a, i) => {
    checkFactor(a, n, found[i]!)
    if (i === 2) return
    checkEigen(a, n, found[i]!)
    const expected = inverseRoot(a, n, 4, 1e-3)
    // With ε = 1e-3, an error of an eigenvalue may be up to 250 times as large in the root.
    expect(distance(found[i]!['root']!, expected) / largest(expected)).toBeLessThan(20 * bound(n))
  })
})

it('loses no digits of an orthogonal factor that is nearly a diagonal matrix', async () => {
  const n = 33
  const a = random(n, 7)
  const given = matrix(n, (i, j) => (i === j ? (-1) ** i * (1 + i) : 1e-4 * a[i * n + j]!))
  const [found] = await tab.call('compute', n, [given])
  expect(distance(found!['factor']!, orthogonalFactor(given, n))).toBeLessThan(bound(n))
})

describe('special matrices', () => {
  const n = 4
  const diagonal = (...values: number[]): number[] => matrix(n, (i, j) => (i === j ? values[i]! : 0))

  it('of a diagonal one, the eigenvectors are those of the identity, in their order', async () => {
    const [found] = await tab.call('compute', n, [diagonal(3, -1, 3, 0)])
    expect(found!['values']).toEqual([-1, 0, 3, 3])
    expect(found!['vectors']).toEqual([0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0])
    expect(distance(found!['factor']!, diagonal(1, -1, 1, 1))).toBe(0)
  })

  it('nothing has the root nothing, as in a pseudoinverse', async () => {
    const [found] = await tab.call('compute', n, [diagonal(0, 0, 0, 0)])
    expect(found!['values']).toEqual([0, 0, 0, 0])
    expect(found!['root']).toEqual(diagonal(0, 0, 0, 0))
    expect(found!['factor']).toEqual(diagonal(1, 1, 1, 1))
  })

  it.each([1e-30, 1e30])('are scaled: %d', async (scale) => {
    const a = semidefinite(n, n, 9).map((x) => Math.fround(scale * x))
    const [found] = await tab.call('compute', n, [a])
    checkEigen(a, n, found!)
    checkFactor(a, n, found!)
    const expected = inverseRoot(a, n, 4, 1e-3)
    expect(distance(found!['root']!, expected) / largest(expected)).toBeLessThan(1e-4)
  })

  it.each([NaN, -Infinity])('have no result if one element is %d', async (bad) => {
    const a = semidefinite(n, n, 9)
    a[n] = bad
    const [found] = await tab.call('compute', n, [a])
    for (const name of ['values', 'vectors', 'factor', 'root'])
      expect(found![name]).toEqual(found![name]!.map(() => NaN))
  })

  it('are read below the diagonal where they are symmetric', async () => {
    const a = semidefinite(n, n, 11)
    const half = matrix(n, (i, j) => (i >= j ? a[i * n + j]! : 77))
    const [found] = await tab.call('compute', n, [half])
    checkEigen(a, n, found!)
  })
})

it('computes under a condition only where it holds', async () => {
  const n = 5
  const a = random(n, 13)
  const [first] = await tab.call('compute', n, [a], 1)
  expect(first!['seldom']).toEqual(a.map(() => 1))
  const [second] = await tab.call('compute', n, [a], 2)
  expect(
    distance(
      second!['seldom']!,
      product(
        orthogonalFactor(
          a.map((x) => -x),
          n,
        ),
        a,
        n,
      ),
    ),
  ).toBeLessThan(1e-4)
})
