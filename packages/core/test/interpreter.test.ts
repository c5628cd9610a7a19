import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  algebra,
  createOptimizer,
  definePreconditioner,
  inducedMetric,
  type Expr,
  type TypedArray,
} from '@induced-metric/core'
import { arrayOf, randomArray, type Dtype } from './support.js'

/** An expression over the gradient, the parameter and a slot that starts from 0.5. */
type Recipe = (given: { readonly g: Expr; readonly p: Expr; readonly m: Expr }) => Expr

const { add, sub, mul, div, max, min, sqrt, square, abs, neg, sign, sum, literal } = algebra
const unary = [sqrt, square, abs, neg, sign]
const binary = [add, sub, mul, div, max, min]

/** Random tensor expressions, which may depend on sums. */
const recipes = fc.letrec<{ tensor: Recipe; scalar: Recipe }>((tie) => ({
  tensor: fc.oneof(
    { maxDepth: 5, depthSize: 'large' },
    fc.constantFrom<Recipe>(
      ({ g }) => g,
      ({ p }) => p,
      ({ m }) => m,
    ),
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
    fc
      .tuple(fc.constantFrom(...binary), tie('tensor'), tie('scalar'), fc.boolean())
      .map(([op, x, y, swap]): Recipe => (given) => {
        return swap ? op(y(given), x(given)) : op(x(given), y(given))
      }),
  ),
  scalar: fc.oneof(
    { maxDepth: 3 },
    fc.double({ min: -4, max: 4, noNaN: true }).map(
      (value): Recipe =>
        () =>
          literal(value),
    ),
    tie('tensor').map(
      (x): Recipe =>
        (given) =>
          sum(x(given)),
    ),
    fc.tuple(fc.constantFrom(...binary), tie('scalar'), tie('scalar')).map(
      ([op, x, y]): Recipe =>
        (given) =>
          op(x(given), y(given)),
    ),
  ),
}))

const operations: Record<string, (a: number, b: number) => number> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  max: Math.max,
  min: Math.min,
  sqrt: Math.sqrt,
  square: (a) => a * a,
  abs: Math.abs,
  neg: (a) => -a,
  sign: Math.sign,
}

/** Evaluates an expression in the simplest way: on whole arrays, one operation after the other, each rounded. */
function evaluate(x: Expr, inputs: Readonly<Record<string, TypedArray>>, dtype: Dtype): TypedArray | number {
  const round = dtype === 'float32' ? Math.fround : (value: number) => value
  const seen = new Map<Expr, TypedArray | number>()
  const visit = (node: Expr): TypedArray | number => {
    const known = seen.get(node)
    if (known !== undefined) return known
    const result = compute(node)
    seen.set(node, result)
    return result
  }
  const compute = (node: Expr): TypedArray | number => {
    if (node.op === 'constant') return node.value!
    if (node.op === 'input') return inputs[node.name!]!
    const [a, b] = node.inputs.map(visit)
    if (node.op === 'sum') return (a as Float64Array).reduce((total, value) => total + value, 0)
    const operation = operations[node.op]!
    if (node.shape === 'scalar') return operation(a as number, (b ?? 0) as number)
    const at = (operand: TypedArray | number | undefined, i: number): number =>
      typeof operand === 'object' ? operand[i]! : round(operand ?? 0)
    const length = inputs['gradient']!.length
    return arrayOf(
      dtype,
      Array.from({ length }, (_, i) => round(operation(at(a, i), at(b, i)))),
    )
  }
  return visit(x)
}

/** Records a recipe as the new value of a slot, takes one step, and returns the slot. */
function run(recipe: Recipe, dtype: Dtype, size: number, seed: number) {
  let recorded: Expr | undefined
  const base = definePreconditioner({
    name: 'recipe',
    hyperparameters: {},
    update({ gradient: g, parameter: p, slot }) {
      recorded = recipe({ g, p, m: slot('m', 0.5) })
      return { direction: g, slots: { m: recorded } }
    },
  })
  const data = randomArray(dtype, size, seed)
  const gradient = randomArray(dtype, size, seed + 1)
  const inputs = {
    parameter: data.slice(),
    gradient,
    'slot.m': arrayOf(
      dtype,
      Array.from(data, () => 0.5),
    ),
  }
  const optimizer = createOptimizer(
    inducedMetric(base(), { learningRate: 1, xi: 0 }),
    [{ name: 'w', shape: [size], data }],
    { engine: 'reference' },
  )
  optimizer.step([gradient])
  return { got: optimizer.slots[0]!['m']!, expected: evaluate(recorded!, inputs, dtype) }
}

describe('the interpreter', () => {
  const sizes = fc.oneof(
    fc.constantFrom(0, 1, 2, 1023, 1024, 1025, 2047, 2048, 2049, 3000),
    fc.integer({ min: 0, max: 2100 }),
  )
  it.each<Dtype>(['float32', 'float64'])(
    'agrees with a separate evaluation of each operation, rounded after each: %s',
    (dtype) => {
      fc.assert(
        fc.property(recipes.tensor, sizes, fc.nat(1000), (recipe, size, seed) => {
          const { got, expected } = run(recipe, dtype, size, seed)
          expect(got).toEqual(expected)
        }),
        { numRuns: 150 },
      )
    },
  )

  it('rounds float32 after every operation, not at the end', () => {
    const recipe: Recipe = ({ g, p }) => sub(mul(add(g, 1), p), mul(g, p))
    const { got, expected } = run(recipe, 'float32', 500, 3)
    const atTheEnd = run(recipe, 'float64', 500, 3).got
    expect(got).toEqual(expected)
    expect([...got]).not.toEqual(Array.from(atTheEnd, Math.fround))
  })

  it.each<[title: string, recipe: Recipe]>([
    ['the gradient', ({ g }) => g],
    ['the parameter as it was before the step', ({ p }) => p],
    ['the slot itself', ({ m }) => m],
  ])('a new slot may be an input itself: %s', (_, recipe) => {
    for (const size of [3, 1024, 1500]) {
      const { got, expected } = run(recipe, 'float64', size, 5)
      expect(got).toEqual(expected)
    }
  })

  it.each([3, 1024, 2500])(
    'slots can take the values of one another, as a window over gradients does: %d elements',
    (size) => {
      const window = definePreconditioner({
        name: 'window',
        hyperparameters: {},
        update({ gradient, slot }) {
          const [a, b, c] = [slot('a'), slot('b'), slot('c')]
          return { direction: c, slots: { c: b, b: a, a: gradient } }
        },
      })
      const transformation = inducedMetric(window(), { learningRate: 1, xi: 0 })
      const data = new Float32Array(size)
      const optimizer = createOptimizer(transformation, [{ name: 'w', shape: [size], data }], {
        engine: 'reference',
      })
      const gradients = [1, 2, 3, 4].map((seed) => randomArray('float32', size, seed))
      for (const gradient of gradients) optimizer.step([gradient])
      const [{ a, b, c }] = optimizer.slots as [Record<string, TypedArray>]
      expect([c, b, a]).toEqual(gradients.slice(1))
      // The direction is the slot's value before the step: three zeros, then the first gradient.
      expect(data).toEqual(gradients[0]!.map((g) => 0 - g))
    },
  )

  it('slots can be swapped', () => {
    const swap = definePreconditioner({
      name: 'swap',
      hyperparameters: {},
      update: ({ gradient, slot }) => ({
        direction: gradient,
        slots: { ones: slot('twos', 2), twos: slot('ones', 1) },
      }),
    })
    const transformation = inducedMetric(swap(), { learningRate: 1, xi: 0 })
    const parameter = { name: 'w', shape: [1500], data: new Float64Array(1500) }
    const optimizer = createOptimizer(transformation, [parameter], { engine: 'reference' })
    optimizer.step([new Float64Array(1500)])
    expect(new Set(optimizer.slots[0]!['ones'])).toEqual(new Set([2]))
    expect(new Set(optimizer.slots[0]!['twos'])).toEqual(new Set([1]))
  })

  it.each([1, 1023, 1024, 1025, 10_000])(
    'sums s in double precision, in float32 too: %d elements',
    (size) => {
      const gradient = randomArray('float32', size, 9)
      const transformation = inducedMetric(
        definePreconditioner({
          name: 'plain',
          hyperparameters: {},
          update: ({ gradient }) => ({ direction: gradient, slots: {} }),
        })(),
        { learningRate: 0.1, xi: 1 },
      )
      const parameter = { name: 'w', shape: [size], data: new Float32Array(size) }
      const { dualNorm } = createOptimizer(transformation, [parameter], { engine: 'reference' }).step([
        gradient,
      ])
      const expected = [...gradient].reduce((total, g) => total + Math.fround(g * g), 0)
      expect(Math.abs(dualNorm - expected)).toBeLessThanOrEqual(1e-14 * expected)
    },
  )
})
