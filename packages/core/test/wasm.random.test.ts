import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  algebra,
  createOptimizer,
  definePreconditioner,
  identity,
  inducedMetric,
  log,
  logDamped,
  type Expr,
  type Optimizer,
  type Preconditioner,
  type TypedArray,
} from '@induced-metric/core'
import { randomArray, type Dtype } from './support.js'

// Compares the wasm engine with the reference interpreter on random graphs.

const { abs, add, div, ema, matmul, max, min, mul, neg, sign, sqrt, square, sub, sum, transpose } = algebra

/** A tensor expression over named tensors. */
type Recipe = (given: Readonly<Record<'g' | 'p' | 'm', Expr>>) => Expr

const dtypes = fc.constantFrom<Dtype>('float32', 'float64')
const tolerance = { float32: 2e-5, float64: 1e-12 }

/** Lengths around those of a vector, of a turn of the loop, and of a block of the interpreter. */
const sizes = fc.oneof(
  fc.constantFrom(0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 32, 33, 1023, 1024, 1025),
  fc.nat(300),
)

/** An array whose address may be unaligned for vectors. */
function unaligned(dtype: Dtype, length: number, seed: number, offset: number): TypedArray {
  return randomArray(dtype, length + offset, seed).subarray(offset)
}

const leaves = fc.constantFrom<Recipe>(
  ({ g }) => g,
  ({ p }) => p,
  ({ m }) => m,
)

describe('random elementwise graphs', () => {
  const unary = [sqrt, square, abs, neg, sign]
  const binary = [add, sub, mul, div, max, min]
  const constants = fc.oneof(fc.constantFrom(0, -0, 1, -1), fc.double({ min: -4, max: 4, noNaN: true }))
  const { tensor } = fc.letrec<{ tensor: Recipe }>((tie) => ({
    tensor: fc.oneof(
      { maxDepth: 7, depthSize: 'large' },
      leaves,
      fc.tuple(fc.constantFrom(...unary), tie('tensor')).map(
        ([op, x]): Recipe =>
          (given) =>
            op(x(given)),
      ),
      fc.tuple(fc.constantFrom(...binary), tie('tensor'), tie('tensor')).map(
        ([op, x, y]): Recipe =>
          (given) =>
            op(x(given), y(given)),
      ),
      fc.tuple(fc.constantFrom(...binary), tie('tensor'), constants, fc.boolean()).map(
        ([op, x, y, swap]): Recipe =>
          (given) =>
            swap ? op(y, x(given)) : op(x(given), y),
      ),
    ),
  }))

  it('give the same bits', () => {
    fc.assert(
      fc.property(
        tensor,
        tensor,
        dtypes,
        sizes,
        fc.nat(3),
        fc.nat(1000),
        (a, b, dtype, size, offset, seed) => {
          const base = definePreconditioner({
            name: 'recipe',
            hyperparameters: {},
            update({ gradient: g, parameter: p, slot }) {
              const given = { g, p, m: slot('m', 0.5) }
              // One slot takes another's value from before the step.
              return {
                direction: g,
                slots: { m: a(given), n: b({ ...given, p: slot('n', -2) }), old: given.m },
              }
            },
          })
          // Reading a slot declares it, also one that is only written.
          const declared = definePreconditioner({
            ...base.definition,
            update(given) {
              given.slot('old')
              return base.definition.update(given)
            },
          })
          const transformation = inducedMetric(declared(), { learningRate: 0.5, xi: 0, weightDecay: 0.1 })
          const [reference, wasm] = pair(transformation, [{ shape: [size], dtype, offset, seed }])
          for (let step = 1; step <= 2; step++) {
            const gradient = unaligned(dtype, size, seed + step, offset)
            reference.step([gradient])
            wasm.step([gradient])
          }
          expectSame(wasm.parameters[0]!.data, reference.parameters[0]!.data)
          for (const [name, slot] of Object.entries(reference.slots[0]!))
            expectSame(wasm.slots[0]![name]!, slot)
        },
      ),
      { numRuns: 200 },
    )
  })
})

/** Expects every element to be the same number. −0 and 0 differ, NaN equals itself. */
function expectSame(got: TypedArray, expected: TypedArray): void {
  expect(got.length).toBe(expected.length)
  const at = expected.findIndex((value, i) => !Object.is(value, got[i]))
  if (at !== -1) expect({ at, value: got[at] }).toEqual({ at, value: expected[at] })
}

interface Given {
  readonly shape: readonly number[]
  readonly dtype: Dtype
  readonly offset: number
  readonly seed: number
}

/** The same optimiser on both engines. */
function pair(
  transformation: ReturnType<typeof inducedMetric>,
  tensors: readonly Given[],
): [Optimizer, Optimizer] {
  const create = (engine: 'reference' | 'wasm'): Optimizer =>
    createOptimizer(
      transformation,
      tensors.map(({ shape, dtype, offset, seed }, i) => ({
        name: `p${i}`,
        shape,
        data: unaligned(dtype, sizeOf(shape), seed * 31 + i, offset),
      })),
      { engine },
    )
  return [create('reference'), create('wasm')]
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1)
}

/**
 * Bounded, smooth expressions, for which two engines agree over many steps. Sums may differ in their last bits, which a
 * sign or a division by a small number would amplify.
 */
const bounded = ((): fc.Arbitrary<Recipe> => {
  const squash = (x: Expr): Expr => div(x, add(1, abs(x)))
  const { tensor } = fc.letrec<{ tensor: Recipe }>((tie) => ({
    tensor: fc.oneof(
      { maxDepth: 4, depthSize: 'medium' },
      leaves,
      fc
        .tuple(
          fc.constantFrom(squash, abs, neg, (x: Expr) => sqrt(add(square(x), 0.01))),
          tie('tensor'),
        )
        .map(
          ([op, x]): Recipe =>
            (given) =>
              op(x(given)),
        ),
      fc.tuple(fc.constantFrom(add, sub, max, min), tie('tensor'), tie('tensor')).map(
        ([op, x, y]): Recipe =>
          (given) =>
            mul(0.5, op(x(given), y(given))),
      ),
      fc.tuple(tie('tensor'), tie('tensor')).map(
        ([x, y]): Recipe =>
          (given) =>
            squash(mul(x(given), y(given))),
      ),
      // Tensors that depend on sums.
      fc.tuple(tie('tensor'), tie('tensor')).map(
        ([x, y]): Recipe =>
          (given) =>
            mul(div(sum(abs(x(given))), add(1, sum(square(x(given))))), squash(y(given))),
      ),
    ),
  }))
  return tensor
})()

/** A generated base: some slots with averages, a direction and perhaps a dual that depend on them. */
const bases = fc
  .record({
    matrix: fc.boolean(),
    slots: fc.array(fc.record({ of: bounded, beta: fc.double({ min: 0, max: 0.99, noNaN: true }) }), {
      maxLength: 3,
    }),
    direction: bounded,
    dual: fc.option(bounded),
    iterations: fc.nat(2),
  })
  .map(({ matrix, slots, direction, dual, iterations }): Preconditioner => {
    const base = definePreconditioner({
      name: 'generated',
      matrix,
      hyperparameters: { beta: { kind: 'number', default: 0.5 } },
      update({ gradient: g, parameter: p, slot, beta, step, tall }) {
        const next: Record<string, Expr> = {}
        let m = g
        slots.forEach((recipe, i) => {
          const average = ema(slot(`s${i}`, i), recipe.of({ g, p, m }), i === 0 ? beta : recipe.beta)
          next[`s${i}`] = average
          m = average
        })
        let way = div(direction({ g, p, m }), add(1, div(1, step)))
        if (matrix) way = mixed(way, iterations, tall)
        return { direction: way, slots: next, ...(dual && { dual: mul(g, dual({ g, p, m })) }) }
      },
    })
    return base()
  })

/** Products of a matrix with its Gram matrix, on either side. */
function mixed(x: Expr, iterations: number, tall: boolean): Expr {
  let y = mul(div(1, add(1, sqrt(sum(square(x))))), x)
  for (let i = 0; i < iterations; i++) {
    const gram = tall ? matmul(transpose(y), y) : matmul(y, transpose(y))
    const product = tall ? matmul(y, gram) : transpose(matmul(transpose(y), transpose(gram)))
    y = sub(mul(1.5, y), mul(0.5, product))
  }
  return y
}

const options = fc.record(
  {
    learningRate: fc.double({ min: 0.001, max: 0.1, noNaN: true }),
    xi: fc.constantFrom('auto' as const, 0, 0.01, 1),
    beta: fc.constantFrom(0, 0.8),
    embedding: fc.constantFrom(identity(), log(), logDamped()),
    weightDecay: fc.constantFrom(0, 0.1),
    clipNorm: fc.constantFrom(0.5, 10),
    metricScope: fc.constantFrom('global' as const, 'parameter' as const),
  },
  { requiredKeys: ['learningRate'] },
)

const shapes = fc.array(
  fc.oneof(
    fc.constantFrom([], [0], [1], [5, 0]),
    sizes.map((size) => [size]),
    fc
      .tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 40 }))
      .map((shape): number[] => shape),
  ),
  { minLength: 1, maxLength: 4 },
)

describe('generated bases', () => {
  it('agree over 50 steps, and skip the same steps', () => {
    fc.assert(
      fc.property(
        bases,
        options,
        shapes,
        dtypes,
        fc.nat(3),
        fc.nat(1000),
        fc.array(fc.tuple(fc.integer({ min: 1, max: 50 }), fc.constantFrom(NaN, Infinity, -Infinity, 1e30)), {
          maxLength: 3,
        }),
        (base, given, shapes, dtype, offset, seed, bad) => {
          const transformation = inducedMetric(base, given)
          const [reference, wasm] = pair(
            transformation,
            shapes.map((shape, i) => ({ shape, dtype, offset, seed: seed + i })),
          )
          for (let step = 1; step <= 50; step++) {
            const gradients = shapes.map((shape, i) => {
              // Some parameters have no gradient at some steps.
              if (i > 0 && (step + i) % 9 === 0) return null
              const gradient = unaligned(dtype, sizeOf(shape), seed + 997 * step + i, offset)
              for (const [at, value] of bad) if (at === step) gradient[step % gradient.length] = value
              return gradient
            })
            const loss = 1 + 1 / step
            const expected = reference.step(gradients, { loss })
            const got = wasm.step(gradients, { loss })
            expect(got.skipped).toBe(expected.skipped)
            expectClose(got.scale, expected.scale, tolerance[dtype])
          }
          expect(wasm.report.skippedSteps).toBe(reference.report.skippedSteps)
          reference.parameters.forEach(({ data }, i) => {
            expectAllClose(wasm.parameters[i]!.data, data, tolerance[dtype])
            for (const [name, slot] of Object.entries(reference.slots[i]!)) {
              expectAllClose(wasm.slots[i]![name]!, slot, tolerance[dtype])
            }
          })
        },
      ),
      { numRuns: 80 },
    )
  })
})

function expectClose(got: number, expected: number, tolerance: number): void {
  if (!Number.isFinite(expected)) expect(got).toBe(expected)
  else expect(Math.abs(got - expected)).toBeLessThanOrEqual(tolerance * Math.max(1, Math.abs(expected)))
}

/** Expects equality within the tolerance times the largest finite magnitude, and exactly where a value is not finite. */
function expectAllClose(got: TypedArray, expected: TypedArray, tolerance: number): void {
  expect(got.length).toBe(expected.length)
  let largest = 1e-3
  let error = 0
  for (let i = 0; i < got.length; i++) {
    if (Object.is(got[i], expected[i])) continue
    const difference = Math.abs(got[i]! - expected[i]!)
    error = Math.max(error, Number.isFinite(difference) ? difference : Infinity)
  }
  for (const value of expected) if (Number.isFinite(value)) largest = Math.max(largest, Math.abs(value))
  expect(error).toBeLessThanOrEqual(tolerance * largest)
}
