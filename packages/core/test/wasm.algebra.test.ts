import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  algebra,
  createOptimizer,
  definePreconditioner,
  inducedMetric,
  sgd,
  type Expr,
  type Optimizer,
  type Preconditioner,
  type PreconditionerInput,
  type PreconditionerOutput,
  type TypedArray,
} from '@induced-metric/core'
import { planStep } from '@induced-metric/core/adapter'
import { isNeeded } from '../src/engines/wasm/codegen/guards.js'
import { encodeStep } from '../src/engines/wasm/codegen/stepModule.js'
import { compileScalarNodes } from '../src/graph/hostScalars.js'
import { randomArray, type Dtype } from './support.js'

// Compares the wasm engine with the reference engine on bases that use what the algebra has beside plain tensors.

const { abs, add, columnMax, columnSums, diagonal, div, dot, ema, every, exp, greater, identity } = algebra
const { inverseRoot, matmul, max, min, mul, qr, rowMax, rowSums, select, sqrt, square, sub, sum } = algebra
const { symmetricEigen, trace, transpose, when } = algebra

type Update = (given: PreconditionerInput) => PreconditionerOutput

const matrixUpdates: Readonly<Record<string, Update>> = {
  'sums of rows and columns, and their product': ({ gradient: g, slot, rows, columns }) => {
    const squares = add(square(g), 1e-30)
    const r = ema(slot('r', { shape: 'rows' }), div(rowSums(squares), columns), 0.9)
    const c = ema(slot('c', { shape: 'columns' }), div(columnSums(squares), rows), 0.9)
    const u = div(g, sqrt(mul(div(r, div(sum(r), rows)), c)))
    const size = sqrt(div(dot(u, u), mul(rows, columns)))
    return { direction: div(u, max(1, size)), slots: { r, c } }
  },
  'largest elements of rows and columns': ({ gradient: g, slot }) => {
    const v = add(min(slot('r', { shape: 'rows' }), slot('c', { shape: 'columns' })), square(g))
    return { direction: div(g, sqrt(add(v, 1e-12))), slots: { r: rowMax(v), c: columnMax(v) } }
  },
  'vectors over a transpose': ({ gradient: g, slot }) => {
    const t = transpose(g)
    const a = rowSums(square(t))
    const x = add(mul(t, a), columnSums(abs(t)))
    const spread = add(mul(g, columnMax(t)), div(exp(div(a, 10)), 100))
    const s = add(slot('s', { shape: 'columns' }), a)
    return { direction: add(transpose(mul(x, rowMax(t))), spread), slots: { s } }
  },
  'square slots, and the root of their inverse every other step': ({ gradient: g, slot }) => {
    const l = add(slot('l', { shape: 'rows,rows', initial: 'identity' }), matmul(g, transpose(g)))
    const r = add(slot('r', { shape: 'columns,columns', initial: 'identity' }), matmul(transpose(g), g))
    const kept = { left: slot('left', { shape: 'rows,rows', initial: 'identity' }) }
    const left = every(2, inverseRoot(l, 4, 1e-6), kept.left)
    const right = every(
      2,
      inverseRoot(r, 4, 1e-6),
      slot('right', { shape: 'columns,columns', initial: 'identity' }),
    )
    return { direction: matmul(matmul(left, g), right), slots: { l, r, left, right } }
  },
  'an orthogonal basis that is kept every other step': ({ gradient: g, slot }) => {
    const grown = add(matmul(g, transpose(g)), identity('rows'))
    const l = ema(slot('l', { shape: 'rows,rows' }), grown, 0.9)
    const before = slot('q', { shape: 'rows,rows', initial: 'identity' })
    const q = every(2, qr(matmul(l, before)), before)
    return { direction: rotated(g, q), slots: { l, q } }
  },
  'a product that two passes need, each under a condition of its own': ({ gradient: g, slot }) => {
    const product = matmul(g, transpose(g))
    const a = every(2, product, slot('a', { shape: 'rows,rows' }))
    const b = every(3, product, slot('b', { shape: 'rows,rows' }))
    return { direction: add(g, mul(0.1, matmul(a, g))), slots: { a, b } }
  },
  'choices within each side of a choice': ({ gradient: g, step, slot }) => {
    const l = ema(slot('l', { shape: 'columns,columns' }), matmul(transpose(g), g), 0.5)
    const kept = slot('q', { shape: 'columns,columns', initial: 'identity' })
    const grown = add(l, identity('columns'))
    const q = when(greater(step, 2), every(2, qr(grown), kept), matmul(l, kept))
    return { direction: matmul(g, div(q, add(1, abs(q)))), slots: { l, q } }
  },
  'a diagonal, a trace, and eigenvalues': ({ gradient: g, slot }) => {
    const l = add(slot('l', { shape: 'rows,rows' }), matmul(g, transpose(g)))
    const { values } = symmetricEigen(add(identity('columns'), matmul(transpose(g), g)))
    const s = add(slot('s', { shape: 'columns' }), values)
    return { direction: div(mul(g, diagonal(l)), add(1, trace(l))), slots: { l, s } }
  },
}

/** The signs of a gradient in a basis. They are softened, as rounding must not decide them. */
function rotated(g: Expr, q: Expr): Expr {
  const x = matmul(transpose(q), g)
  return matmul(q, div(x, add(abs(x), 0.1)))
}

const updates: Readonly<Record<string, Update>> = {
  'a scalar slot': ({ gradient: g, slot, step }) => {
    const p = mul(slot('p', { shape: 'scalar', initial: 1 }), sub(1, div(0.5, step)))
    const m = ema(slot('m'), g, 0.9)
    return { direction: div(m, sub(1.5, p)), slots: { p, m } }
  },
  'a scalar slot of a sum': ({ gradient: g, slot }) => {
    const p = ema(slot('p', { shape: 'scalar' }), sqrt(dot(g, g)), 0.9)
    return { direction: div(g, add(p, 0.1)), slots: { p } }
  },
  'where it started': ({ gradient: g, slot, parameter }) => {
    const start = slot('start', { initial: 'parameter' })
    return { direction: add(g, mul(0.1, sub(parameter, start))), slots: { start } }
  },
  'a total and a shared scalar': ({ gradient: g, total, shared }) => {
    const next = add(shared('size', 1), sqrt(total(square(g))))
    return { direction: div(g, next), slots: {}, shared: { size: next } }
  },
  'a total of scalar slots': ({ gradient: g, total, slot }) => {
    const p = add(slot('p', { shape: 'scalar' }), dot(g, g))
    return { direction: div(g, add(1, total(p))), slots: { p } }
  },
  'a moment that is kept every other step': ({ gradient: g, slot }) => {
    const m = every(2, ema(slot('m'), g, 0.5), slot('m'))
    return { direction: m, average: g, slots: { m } }
  },
  'its size': ({ gradient: g, size }) => ({ direction: div(g, sqrt(div(dot(g, g), size))), slots: {} }),
  'a parameter of its own': ({ gradient: g, slot, scale, learningRate, parameter }) => {
    const z = sub(slot('z', { initial: 'parameter' }), mul(mul(learningRate, scale), g))
    return { direction: g, parameter: add(mul(0.9, parameter), mul(0.1, z)), slots: { z } }
  },
  'functions and choices': ({ gradient: g, parameter }) => {
    const angle = algebra.atan2(g, abs(parameter))
    const root = algebra.pow(abs(g), 1 / 3)
    return { direction: select(greater(g, parameter), angle, mul(root, algebra.pow(abs(g), 0.7))), slots: {} }
  },
}

/** Takes some steps with both engines, and expects all their numbers to agree. */
function compare(
  base: Preconditioner,
  dtype: Dtype,
  shapes: readonly number[][],
  options: object,
  seed: number,
): void {
  const transformation = inducedMetric(base, { learningRate: 0.1, fallback: sgd(), ...options })
  const sizes = shapes.map((shape) => shape.reduce((size, extent) => size * extent, 1))
  const [reference, wasm] = (['reference', 'wasm'] as const).map((engine) =>
    createOptimizer(
      transformation,
      shapes.map((shape, i) => ({ name: `p${i}`, shape, data: randomArray(dtype, sizes[i]!, seed + i) })),
      { engine },
    ),
  ) as [Optimizer, Optimizer]
  for (let step = 1; step <= 5; step++) {
    const gradients = sizes.map((size, i) => randomArray(dtype, size, seed + 100 * step + i))
    const [first, second] = [reference, wasm].map((optimizer) => optimizer.step(gradients, { loss: 1 }))
    expect(second!.skipped).toBe(first!.skipped)
    shapes.forEach((_, i) => {
      expectClose(wasm.parameters[i]!.data, reference.parameters[i]!.data, dtype, `p${i} in step ${step}`)
      for (const [name, slot] of Object.entries(reference.slots[i]!)) {
        expectClose(wasm.slots[i]![name]!, slot, dtype, `${name} of p${i} in step ${step}`)
      }
    })
  }
}

function expectClose(found: TypedArray, wanted: TypedArray, dtype: Dtype, what: string): void {
  const size = Math.max(1e-3, ...[...wanted].map(Math.abs))
  const worst = Math.max(0, ...[...wanted].map((x, i) => Math.abs(x - found[i]!)))
  expect(found.length, what).toBe(wanted.length)
  expect(worst / size, what).toBeLessThan(dtype === 'float32' ? 3e-4 : 1e-9)
}

const dtypes = fc.constantFrom<Dtype>('float32', 'float64')
const options = fc.constantFrom({}, { clipNorm: 1, weightDecay: 0.1 }, { metricScope: 'parameter' })
const extents = fc.oneof(fc.integer({ min: 1, max: 9 }), fc.constantFrom(16, 17, 33))
const seeds = fc.nat(1000)

describe('the wasm engine works as the reference engine does', () => {
  it.each(Object.entries(matrixUpdates))('%s', (_, update) => {
    const base = definePreconditioner({ name: 'for-matrices', matrix: true, update })()
    const shapes = fc.array(fc.tuple(extents, extents), { minLength: 1, maxLength: 3 })
    fc.assert(
      fc.property(dtypes, shapes, options, seeds, (dtype, matrices, chosen, seed) => {
        compare(base, dtype, [...matrices, [5]], chosen, seed)
      }),
      { numRuns: 15 },
    )
  })

  it.each(Object.entries(updates))('%s', (_, update) => {
    const base = definePreconditioner({ name: 'for-any', update })()
    const shapes = fc.array(fc.oneof(fc.tuple(extents), fc.tuple(extents, extents)), {
      minLength: 1,
      maxLength: 4,
    })
    fc.assert(
      fc.property(dtypes, shapes, options, seeds, (dtype, tensors, chosen, seed) => {
        compare(base, dtype, tensors, chosen, seed)
      }),
      { numRuns: 15 },
    )
  })

  it('eigenvectors, first and then every third step', () => {
    const base = definePreconditioner({
      name: 'in-a-basis',
      matrix: true,
      update({ gradient: g, step, slot }) {
        const l = ema(slot('l', { shape: 'rows,rows' }), matmul(g, transpose(g)), 0.9)
        const kept = slot('q', { shape: 'rows,rows' })
        const { vectors } = symmetricEigen(l)
        const q = when(greater(1.5, step), vectors, every(3, vectors, kept))
        return { direction: rotated(g, q), slots: { l, q } }
      },
    })
    // Of full rank: otherwise the vectors are not determined.
    compare(
      base(),
      'float64',
      [
        [5, 5],
        [3, 4],
        [1, 1],
        [7, 33],
      ],
      {},
      1,
    )
    compare(base(), 'float64', [[3, 3]], { clipNorm: 1 }, 2)
  })

  it('adds up in double precision what a step depends on, whatever stands beside it in a turn of the loop', () => {
    const totals = definePreconditioner({
      name: 'totals',
      matrix: true,
      update({ gradient: g, slot }) {
        slot('all', { shape: 'scalar' })
        slot('lines', { shape: 'rows' })
        return { direction: mul(sum(g), g), slots: { all: sum(g), lines: rowSums(g) } }
      },
    })
    // Single precision loses the ones beside 2²⁴.
    const line = [2 ** 24, 1, -(2 ** 24), 1].flatMap((value) => [value, value, value, value])
    const parameter = { name: 'w', shape: [2, 16], data: new Float32Array(32) }
    const transformation = inducedMetric(totals(), { learningRate: 1, xi: 0 })
    const optimizer = createOptimizer(transformation, [parameter], { engine: 'wasm' })
    optimizer.step([Float32Array.from([...line, ...line])])
    expect([...optimizer.slots[0]!['all']!]).toEqual([16])
    expect([...optimizer.slots[0]!['lines']!]).toEqual([8, 8])
    optimizer.dispose()
  })

  it('normal numbers', () => {
    const base = definePreconditioner({
      name: 'noisy',
      hyperparameters: { seed: { kind: 'integer', default: 3, min: 0 } },
      update: ({ gradient: g, normal }) => ({
        direction: add(g, mul(0.1, add(normal(), mul(2, normal(1))))),
        slots: {},
      }),
    })
    compare(base(), 'float32', [[7], [4, 4], [9]], {}, 1)
    compare(base(), 'float64', [[33]], { clipNorm: 1 }, 2)
  })
})

it('work that only fresh values need is guarded by their condition', () => {
  const base = definePreconditioner({
    name: 'guarded',
    matrix: true,
    update: matrixUpdates['square slots, and the root of their inverse every other step']!,
  })
  const plan = planStep(inducedMetric(base(), { learningRate: 0.1, fallback: sgd() }), [
    { name: 'w', shape: [2, 3] },
  ])
  const { stages } = encodeStep(plan.parameters[0]!.graph, 'float32', false)
  const all = [...stages.reduce.stages, ...stages.update.stages]
  const guards = (kind: string): boolean[] =>
    all.filter((stage) => stage.kind === kind).map(({ guard }) => guard !== undefined)
  expect(guards('hosted')).toEqual([true, true])
  // Products of every step: G·Gᵀ, Gᵀ·G, and the direction's two.
  expect(guards('matmul')).toEqual([false, false, false, false])
})

it('choices within choices guard the work of each side', () => {
  const base = definePreconditioner({
    name: 'guarded',
    matrix: true,
    update: matrixUpdates['choices within each side of a choice']!,
  })
  const plan = planStep(inducedMetric(base(), { learningRate: 0.1, fallback: sgd() }), [
    { name: 'w', shape: [2, 3] },
  ])
  const { stages, graph } = encodeStep(plan.parameters[0]!.graph, 'float32', false)
  const needed = (step: number): string[] => {
    const values = new Float64Array(graph.nodes.length)
    compileScalarNodes(graph, stages.reduce.early)(values, { step, learningRate: 0.1 })
    return stages.reduce.stages
      .filter(({ kind, guard }) => guard !== undefined && kind !== 'loop' && isNeeded(guard, values))
      .map(({ kind }) => kind)
  }
  expect([1, 2, 3, 4].map(needed)).toEqual([['matmul'], ['matmul'], [], ['hosted', 'hosted']])
})
