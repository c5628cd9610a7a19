import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { node } from '../builder.js'
import { isInstalled } from '../genuine/runtime.js'
import { checkNode, forAll, gradientsOf, opsets, stretched, symbolics } from './arbitraries.js'
import { checkGradients, composed, drawn, gradientModel, single, tensor } from './harness.js'

const extent = fc.integer({ min: 1, max: 4 })
const flag = fc.integer({ min: 0, max: 1 })
const factor = fc.constantFrom(undefined, 1, 0.5, -2, 0)
/** Attributes without the undefined ones. */
function attributesOf(given: Readonly<Record<string, number | { float: number } | undefined>>) {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Record<
    string,
    number | { float: number }
  >
}
const float = (value: number | undefined) => (value === undefined ? undefined : { float: value })

describe('gradients of products of matrices', () => {
  it('Gemm', async () => {
    await forAll(
      fc.tuple(
        fc.tuple(extent, extent, extent),
        fc.tuple(flag, flag),
        fc.tuple(factor, factor),
        fc.constantFrom('none', 'full', 'row', 'column', 'vector', 'one', 'scalar'),
        fc.nat(1000),
        opsets,
        symbolics,
      ),
      async ([[m, k, n], [transA, transB], [alpha, beta], kind, seed, opset, symbolic]) => {
        // A gradient that is 0 everywhere has no relative error.
        fc.pre(alpha !== 0 && beta !== 0)
        const c = { none: [], full: [m, n], row: [1, n], column: [m, 1], vector: [n], one: [1], scalar: [] }[
          kind
        ]
        const inputs = {
          a: drawn(transA === 1 ? [k, m] : [m, k], seed),
          b: drawn(transB === 1 ? [n, k] : [k, n], seed + 1),
          ...(kind !== 'none' && { c: drawn(c, seed + 2) }),
        }
        const attributes = attributesOf({ transA, transB, alpha: float(alpha), beta: float(beta) })
        await checkNode('Gemm', inputs, { attributes, opset, symbolic, genuine: isInstalled && opset < 20 })
      },
      40,
    )
  })

  it('Gemm times 0', async () => {
    const forward = single(
      'Gemm',
      { a: { dims: [2, 3] }, b: { dims: [3, 2] }, c: { dims: [2] } },
      {
        alpha: { float: 0 },
        beta: { float: 0 },
      },
    )
    const inputs = { a: drawn([2, 3], 1), b: drawn([3, 2], 2), c: drawn([2], 3) }
    const found = await gradientsOf(forward, inputs, { y: drawn([2, 2], 4) })
    expect(
      Object.values(found)
        .flat()
        .every((value) => value === 0),
    ).toBe(true)
  })

  const stacks = fc.tuple(
    stretched(2),
    fc.tuple(extent, extent, extent),
    fc.constantFrom('matrices', 'row', 'column', 'vectors'),
    fc.nat(1000),
    symbolics,
  )

  it('MatMul of vectors, matrices and stacks', async () => {
    await forAll(
      fc.tuple(stacks, opsets),
      async ([[[left, right], [m, k, n], kind, seed, symbolic], opset]) => {
        const a = kind === 'row' || kind === 'vectors' ? [k] : [...left!, m, k]
        const b = kind === 'column' || kind === 'vectors' ? [k] : [...right!, k, n]
        const inputs = { a: drawn(a, seed), b: drawn(b, seed + 1) }
        await checkNode('MatMul', inputs, { opset, symbolic, genuine: isInstalled && opset < 20 })
      },
      60,
    )
  })

  it('FusedMatMul', async () => {
    await forAll(
      fc.tuple(stacks, fc.tuple(flag, flag), fc.constantFrom(undefined, 0.5, -3)),
      async ([[[left, right], [m, k, n], , seed, symbolic], [transA, transB], alpha]) => {
        const inputs = {
          a: drawn([...left!, ...(transA === 1 ? [k, m] : [m, k])], seed),
          b: drawn([...right!, ...(transB === 1 ? [n, k] : [k, n])], seed + 1),
        }
        const attributes = attributesOf({ transA, transB, alpha: float(alpha) })
        await checkNode('com.microsoft:FusedMatMul', inputs, { attributes, symbolic, genuine: isInstalled })
      },
      40,
    )
  })

  it('FusedMatMul that transposes stacks is refused', async () => {
    const dims = [2, 2, 2]
    const forward = single('com.microsoft:FusedMatMul', { a: { dims }, b: { dims } }, { transBatchA: 1 })
    await expect(gradientModel(forward, { y: drawn(dims, 1) }, ['a'])).rejects.toThrow(
      /ERR_NOT_SUPPORTED: operator FusedMatMul .*transBatchA and transBatchB are not supported/,
    )
  })

  it('one matrix as both operands', async () => {
    const forward = composed([node('MatMul', ['x', 'x'], ['y'])], { x: { dims: [2, 3, 3] } }, ['y'])
    await checkGradients(forward, { x: drawn([2, 3, 3], 1) }, { genuine: isInstalled })
  })

  it('one operand alone', async () => {
    for (const name of ['a', 'b']) {
      const inputs = { a: drawn([2, 3, 4], 1), b: drawn([4, 2], 2) }
      await checkNode('MatMul', inputs, { wanted: [name], genuine: isInstalled })
    }
  })

  it('of an empty batch', async () => {
    const forward = single('MatMul', { a: { dims: ['n', 2, 3] }, b: { dims: [3, 2] } })
    const inputs = { a: tensor([0, 2, 3], []), b: drawn([3, 2], 1) }
    const found = await gradientsOf(forward, inputs, { y: tensor([0, 2, 2], []) })
    expect(found).toEqual({ a: [], b: [0, 0, 0, 0, 0, 0] })
  })
})

describe('gradients of Einsum', () => {
  // With ellipses of different lengths (...ij,...jk of 2x3 and 2x3x4) the runtime itself crashes.
  const equations = [
    'ij,jk->ik: 2x3 3x4',
    'ij,jk: 2x3 3x4',
    'ij, jk -> ki: 2x3 3x4',
    'bij,bjk->bik: 2x2x3 2x3x4',
    'bhqd,bhkd->bhqk: 2x2x3x2 2x2x4x2',
    'bhqk,bhkd->bqhd: 2x2x3x4 2x2x4x2',
    '...ij,...jk->...ik: 2x2x3 2x3x4',
    '...ij,...jk->...ik: 1x2x3 4x3x2',
    '...ij,...jk: 2x2x3 2x3x4',
    '...ij,jk->...ik: 2x2x3 3x4',
    'i...j,jk->...ik: 2x4x3 3x2',
    '...,...->...: 2x3 2x3',
    'i...,i...->...: 2x3 2x3',
    'i,j->ij: 2 3',
    'i,i->: 3 3',
    'i,i: 3 3',
    'ij->ji: 2x3',
    'ij->: 2x3',
    'ij->i: 2x3',
    'ijk->ki: 2x3x2',
    'ij: 2x3',
    'ba: 2x3',
    'ij,ij->ij: 2x3 2x3',
    'ij,ij->ij: 1x3 2x1',
    'ij,ij->: 2x3 2x1',
    'ij,kj->i: 2x3 4x3',
    'ij,k->i: 2x3 4',
    'ij,jk,kl->il: 2x3 3x2 2x4',
    'i,ij,j->: 2 2x3 3',
    'Ab,bC->CA: 2x3 3x4',
    'bA,Ac: 2x3 3x4',
    'ii->i: 3x3',
    'ii->: 3x3',
    'ii: 3x3',
    'iii->i: 2x2x2',
    'iji->ji: 2x3x2',
    'iijj->ij: 2x2x3x3',
    'bii->bi: 2x3x3',
    'bii,bi->b: 2x3x3 2x3',
    'ii,ii->i: 3x3 3x3',
    'ii,ij,jj->j: 2x2 2x3 3x3',
    '...ii->...i: 2x3x3',
  ]
  it.each(equations)('%s', async (given) => {
    const [equation = '', sizes = ''] = given.split(': ')
    const shapes = sizes.split(' ').map((size) => size.split('x').map(Number))
    await forAll(
      fc.tuple(fc.nat(1000), opsets, symbolics),
      async ([seed, opset, symbolic]) => {
        const inputs = Object.fromEntries(shapes.map((shape, i) => [`x${i}`, drawn(shape, seed + i)]))
        await checkNode('Einsum', inputs, {
          attributes: { equation },
          opset,
          symbolic,
          // The genuine runtime fails to transpose a sum of one term.
          genuine: isInstalled && opset < 20 && equation !== 'ijk->ki',
        })
      },
      4,
    )
  })

  it('equations that are drawn', async () => {
    const cases = fc.record({
      extents: fc.array(extent, { minLength: 5, maxLength: 5 }),
      terms: fc.array(fc.shuffledSubarray('abcde'.split(''), { minLength: 1, maxLength: 3 }), {
        minLength: 1,
        maxLength: 3,
      }),
      kept: fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }),
      ones: fc.array(fc.nat(8), { minLength: 9, maxLength: 9 }),
      seed: fc.nat(1000),
      symbolic: symbolics,
    })
    await forAll(
      cases,
      async ({ extents, terms, kept, ones, seed, symbolic }) => {
        const letters = [...new Set(terms.flat())]
        const result = letters.filter((letter) => kept['abcde'.indexOf(letter)])
        const equation = `${terms.map((term) => term.join('')).join(',')}->${result.join('')}`
        const shapes = terms.map((term, i) =>
          term.map((letter, j) => (ones[i * 3 + j] === 0 ? 1 : extents['abcde'.indexOf(letter)]!)),
        )
        const inputs = Object.fromEntries(shapes.map((shape, i) => [`x${i}`, drawn(shape, seed + i)]))
        await checkNode('Einsum', inputs, { attributes: { equation }, symbolic, genuine: isInstalled })
      },
      40,
    )
  })
})
